"""A tiny CLIP in open_clip's folder format, for configs that name one."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def tiny_clip_folder(tmp_path: Path, tiny_resnet_cfg: dict) -> Path:
    (tmp_path / 'open_clip_config.json').write_text(json.dumps(dict(model_cfg=tiny_resnet_cfg)))
    return tmp_path
