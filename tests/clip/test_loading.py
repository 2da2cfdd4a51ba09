"""Weights in every format that people have load strictly and safely."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from mmengine.config import ConfigDict
from torch import Tensor
from weight_files import (
    open_clip_folder,
    openai_archive,
    plain_pt,
    safetensors_file,
    wrapped_checkpoint,
)

from icpc.clip import load_clip


@pytest.fixture
def config(tiny_resnet_cfg: dict) -> dict:
    return tiny_resnet_cfg


@pytest.fixture
def state(build_clip: Callable, config: dict) -> dict[str, Tensor]:
    return build_clip(config).state_dict()


def assert_loaded(clip: torch.nn.Module, state: dict[str, Tensor]) -> None:
    loaded = clip.state_dict()
    assert loaded.keys() == state.keys()
    assert all(p.dtype == torch.float32 for p in clip.parameters())
    assert [name for name in state if not torch.equal(loaded[name], state[name])] == []


@pytest.mark.parametrize(
    ('write', 'file'),
    [
        (plain_pt, 'clip.pt'),
        (plain_pt, 'weights_without_suffix'),
        (wrapped_checkpoint, 'epoch_3.pt'),
        (safetensors_file, 'clip.safetensors'),
    ],
)
def test_files(tmp_path: Path, config: dict, state: dict, write: Callable, file: str) -> None:
    path = write(tmp_path / file, state)
    assert_loaded(load_clip(config, str(path)), state)


def test_an_openai_archive(tmp_path: Path, config: dict, state: dict) -> None:
    path = openai_archive(tmp_path / 'RN50.pt', state)
    halved = {k: v.half().float() if v.is_floating_point() else v for k, v in state.items()}
    assert_loaded(load_clip(config, str(path)), halved)


def test_a_folder_in_open_clips_format(tmp_path: Path, config: dict, state: dict) -> None:
    folder = open_clip_folder(tmp_path / 'tiny', state, config)
    assert_loaded(load_clip(str(folder), 'auto'), state)
    assert load_clip(str(folder)).transformer.width == 32  # the architecture alone
    (folder / 'open_clip_model.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match='no weights at .*tiny/open_clip_model.safetensors'):
        load_clip(str(folder), 'auto')


def test_flat_names_fit_a_model_with_a_separate_text_tower(
    tmp_path: Path, config: dict, state: dict
) -> None:
    path = plain_pt(tmp_path / 'clip.pt', state)
    loaded = load_clip(config | dict(custom_text=True), str(path)).state_dict()
    assert torch.equal(loaded['text.token_embedding.weight'], state['token_embedding.weight'])
    assert len(loaded) == len(state)
    own = plain_pt(tmp_path / 'custom.pt', loaded)
    again = load_clip(config | dict(custom_text=True), str(own)).state_dict()
    assert all(torch.equal(again[name], loaded[name]) for name in loaded)


def test_without_weights_the_model_is_random_and_the_config_untouched(config: dict) -> None:
    config['custom_text'] = False
    before = repr(config)
    first, second = load_clip(config), load_clip(ConfigDict(config))
    assert repr(config) == before
    assert not torch.equal(first.text_projection, second.text_projection)


@pytest.mark.parametrize('parts', ['text', 'image'])
def test_parts(tmp_path: Path, config: dict, state: dict, parts: str) -> None:
    path = plain_pt(tmp_path / 'clip.pt', state)
    torch.manual_seed(1)
    loaded = load_clip(config, str(path), parts).state_dict()
    weights = [name for name, value in state.items() if value.dim() > 1]
    same = {name for name in weights if torch.equal(loaded[name], state[name])}
    image = {name for name in weights if name.startswith('visual.')}
    assert image
    assert same == (image if parts == 'image' else set(weights) - image)


def test_a_downloaded_file_is_loaded(
    tmp_path: Path, config: dict, state: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = safetensors_file(tmp_path / 'open_clip_model.safetensors', state)
    monkeypatch.setattr(open_clip, 'get_model_config', lambda _: config)
    monkeypatch.setattr(open_clip, 'download_pretrained', lambda _: str(path))
    assert_loaded(load_clip('RN50-quickgelu', 'openai'), state)
