"""`import icpc` is quick, and whoever looks a part up in mmseg's registry finds it."""

import subprocess
import sys
from pathlib import Path

import pytest

import icpc

ROOT = Path(__file__).resolve().parents[2]
_FROM = 'import sys, icpc; assert not {"torch", "mmengine", "timm"} & set(sys.modules); '
# What a process does, which has imported nothing before: a plain user of mmengine and mmseg.
WAYS = {
    'before mmseg': _FROM
    + 'from mmseg.registry import MODELS, TRANSFORMS; '
    + 'assert MODELS.get("CLIPSegmentor").__module__ == "icpc.segmentors.clip_segmentor"; '
    + 'assert TRANSFORMS.get("LoadAnnotations").__name__ == "LoadNamedAnnotations"',
    'after mmseg': 'from mmseg.registry import MODELS; import icpc; '
    'assert "CLIPSegmentor" in MODELS.module_dict',
    'a config': 'from mmengine import Config; Config.fromfile(sys.argv[1]); '
    'from mmengine.registry import MODELS, DefaultScope\n'
    'with DefaultScope.overwrite_default_scope("mmseg"):\n'
    '    MODELS.build(dict(type="ScoreMapLoss"))',
    'a part first': 'import icpc.heads; from mmseg.registry import RUNNERS; '
    'assert RUNNERS.get("SafeRunner")',
}


@pytest.mark.parametrize(
    'way', ['before mmseg', *(pytest.param(way, marks=pytest.mark.slow) for way in [*WAYS][1:])]
)
def test_the_registry_is_filled(way):
    config = ROOT / 'tests/data/before_rooms/finished/config.py'
    code = f'import sys; {WAYS[way]}'
    paths = f'{ROOT}:{ROOT / "tests/helpers"}'
    done = subprocess.run(
        [sys.executable, '-c', code, str(config)],
        env=dict(PYTHONPATH=paths, OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_there_and_others_are_not():
    assert set(icpc.__all__) <= set(dir(icpc))
    for name in icpc.__all__:
        assert getattr(icpc, name).__name__ in (name, f'icpc.{name}')
    with pytest.raises(AttributeError, match="has no attribute 'load_modle'"):
        _ = icpc.load_modle
