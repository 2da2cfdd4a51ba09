"""Weights that do not fit, or that could do harm, are refused with a message that names the fix."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from torch import Tensor
from weight_files import openai_archive, plain_pt

from icpc.clip import load_clip


@pytest.fixture
def config(tiny_resnet_cfg: dict) -> dict:
    return tiny_resnet_cfg


@pytest.fixture
def state(build_clip: Callable, config: dict) -> dict[str, Tensor]:
    return build_clip(config).state_dict()


def test_an_archive_needs_quick_gelu(tmp_path: Path, config: dict, state: dict) -> None:
    path = openai_archive(tmp_path / 'RN50.pt', state)
    with pytest.raises(ValueError, match='QuickGELU.*Set quick_gelu to true in the model'):
        load_clip(config | dict(quick_gelu=False), str(path))


def test_an_archive_for_a_named_architecture_names_the_right_one(
    tmp_path: Path, config: dict, state: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = openai_archive(tmp_path / 'RN50.pt', state)
    monkeypatch.setattr(open_clip, 'get_model_config', lambda _: config | dict(quick_gelu=False))
    with pytest.raises(
        ValueError, match=r'RN50 is built with GELU.* model\.clip\.model=RN50-quick'
    ):
        load_clip('RN50', str(path))


@pytest.mark.parametrize(
    ('model', 'tag'), [('RN50', 'openai'), ('ViT-B-16', 'dfn2b'), ('ViT-B-32', 'metaclip_400m')]
)
def test_a_tag_with_another_activation_raises_before_any_download(
    monkeypatch: pytest.MonkeyPatch, model: str, tag: str
) -> None:
    asked = []
    monkeypatch.setattr(open_clip, 'download_pretrained', asked.append)
    with pytest.raises(ValueError, match=f'model.clip.model={model}-quickgelu$'):
        load_clip(model, tag)
    monkeypatch.setattr(open_clip, 'get_pretrained_cfg', lambda *_: {})  # trained with GELU
    with pytest.raises(ValueError, match=f'model.clip.model={model}$'):
        load_clip(f'{model}-quickgelu', tag)
    assert asked == []


def test_without_network_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(config: dict) -> str:
        raise OSError('no route to host')

    monkeypatch.setattr(open_clip, 'download_pretrained', offline)
    with pytest.raises(FileNotFoundError, match='no route to host.*model.clip.pretrained=/path/to'):
        load_clip('RN50-quickgelu', 'openai')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('ln_final.bias'), r'1 missing \(ln_final.bias'),
        (lambda s: s.pop('visual.bn1.running_mean'), r'1 missing \(visual.bn1.running_mean'),
        (lambda s: s.update(extra=torch.ones(1)), r'1 unexpected \(extra'),
        (
            lambda s: s.update(text_projection=torch.ones(32, 16)),
            r'1 of another shape \(text_projection \(32, 16\) instead of \(32, 32\)',
        ),
    ],
    ids=['missing', 'missing statistics', 'unexpected', 'shape'],
)
@pytest.mark.parametrize('parts', ['all', 'text', 'image'])
def test_weights_that_do_not_fit_raise(
    tmp_path: Path, config: dict, state: dict, change: Callable, message: str, parts: str
) -> None:
    change(state)
    path = plain_pt(tmp_path / 'clip.pt', state)
    with pytest.raises(ValueError, match=f'does not fit the model: {message}'):
        load_clip(config, str(path), parts)


class _RunsCode:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize('zipped', [True, False])
def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, config: dict, state: dict, zipped: bool
) -> None:
    path, marker = tmp_path / 'clip.pt', tmp_path / 'ran'
    content = state | dict(extra=_RunsCode(marker))
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match='holds more than tensors, which could run'):
        load_clip(config, str(path))
    assert not marker.exists()
    pickle.loads(pickle.dumps(_RunsCode(marker)))  # it is a working one
    assert marker.exists()


@pytest.mark.parametrize(
    ('file', 'content', 'message'),
    [
        ('clip.pt', b'<!DOCTYPE html>', 'is damaged, or it holds more than tensors'),
        ('clip.safetensors', b'version https://git-lfs.github.com', 'cannot be read as weights'),
        ('clip.pt', [1, 2], 'is not a state dict'),
        ('clip.pt', {'state_dict': {'epoch': 3}}, 'is not a state dict'),
    ],
    ids=['page', 'pointer', 'list', 'numbers'],
)
def test_other_files_are_refused(
    tmp_path: Path, config: dict, file: str, content: object, message: str
) -> None:
    path = tmp_path / file
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ValueError, match=message):
        load_clip(config, str(path))


def test_a_file_that_does_not_exist(tmp_path: Path, config: dict) -> None:
    with pytest.raises(FileNotFoundError, match='no weights at .*RN50.pt'):
        load_clip(config, str(tmp_path / 'RN50.pt'))
    (tmp_path / 'openai').mkdir()  # a folder that happens to be called like a tag is no file
    with pytest.raises(FileNotFoundError, match='clip.pretrained: no file'):
        load_clip(config, str(tmp_path / 'openai'))


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        (dict(model='RN5O-quickgelu'), ValueError, 'did you mean .*RN50-quickgelu'),
        (dict(model='RN50-quickgelu', pretrained='opnai'), ValueError, 'did you mean openai'),
        (dict(model='RN50-quickgelu', pretrained='auto'), ValueError, "'auto' needs clip.model to"),
        (dict(model={}, pretrained='openai'), FileNotFoundError, "no file 'openai'"),
        (dict(model=dict(embed_dim=8)), ValueError, 'not a valid open_clip model_cfg'),
        (dict(model='RN50', parts='both'), ValueError, "clip.parts must be one of .* got 'both'"),
        (dict(model='roberta-ViT-B-32'), ValueError, 'Hugging Face text tower are not supported'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else '',
)
def test_what_does_not_exist_is_named(
    arguments: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_clip(**arguments)
