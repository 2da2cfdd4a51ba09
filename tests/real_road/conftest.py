"""Made-up trees and tiny CLIPs, made once a session."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from editions import Tree, prepared
from random_weights import as_if_trained
from safetensors.torch import save_file
from tiny_clips import TINY_RESNET, TINY_VIT

from icpc.clip import load_clip

pytest.register_assert_rewrite('story')
DEEPER = {**TINY_RESNET, 'vision_cfg': {**TINY_RESNET['vision_cfg'], 'layers': [1, 1, 2, 1]}}
TOWERS = {'rn50': TINY_RESNET, 'rn101': DEEPER, 'vit-b16': TINY_VIT}


@pytest.fixture(autouse=True)
def _rng() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


@pytest.fixture(scope='session')
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tower of a config's name -> a folder in open_clip's format with weights."""
    folders = {}
    for tower, config in TOWERS.items():
        folders[tower] = tmp_path_factory.mktemp(tower)
        with torch.random.fork_rng():
            clip = as_if_trained(load_clip(config))
        save_file(clip.state_dict(), folders[tower] / 'open_clip_model.safetensors')
        text = json.dumps(dict(model_cfg=config))
        (folders[tower] / 'open_clip_config.json').write_text(text)
    return folders


@pytest.fixture(scope='session')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tree]:
    """An edition's name -> its prepared data."""
    made: dict[str, Tree] = {}

    def prepare(edition: str) -> Tree:
        if edition not in made:
            made[edition] = prepared(edition, tmp_path_factory.mktemp(edition))
        return made[edition]

    return prepare
