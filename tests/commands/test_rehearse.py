"""A rehearsal goes the whole way, keeps nothing, and finds what would stop the run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from icpc.commands.rehearse import rehearse
from icpc.commands.train import train
from icpc.errors import UserError
from icpc.evaluation import panel_hook
from icpc.evaluation.streaming_iou import StreamingIoU
from icpc.memory import host
from icpc.rehearsal import measured

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {'max_iters': 4000, 'global_batch': 4, 'gpu_batch': 2}


@TRANSFORMS.register_module()
class RefuseSmall(BaseTransform):
    def transform(self, results):
        if min(results['img_shape']) < 32:
            raise RuntimeError('too small')
        return results


@pytest.fixture
def toy(toy_config, monkeypatch):
    """The toy's config in an own folder, from which the commands run."""
    monkeypatch.chdir(toy_config.parent)
    return toy_config


def pictures(config: Path, split: str) -> list[Path]:
    return sorted((config.parent / 'data/images' / split).iterdir())


def found(config: Path, capsys: pytest.CaptureFixture, **options) -> str:
    """What a rehearsal that must fail prints."""
    with pytest.raises(UserError, match='would stop the run'):
        rehearse(str(config), OPTIONS | options)
    return capsys.readouterr().out


def test_it_tells_time_and_memory_and_leaves_nothing_behind(toy, capsys):
    before = sorted(toy.parent.rglob('*'))
    rehearse(str(toy), OPTIONS)
    out = capsys.readouterr().out
    assert re.search(r'memory: \d+\.\d [MG]iB a process, \d+\.\d GiB left', out)
    assert re.search(r'step: \d+\.\d\d s, its pictures \d+\.\d\d s with 0 workers', out)
    assert re.search(r'time: about [\d:]+ for the whole run: 4000 steps', out)
    assert '10 validations' in out
    assert re.search(r'disk: 3 checkpoints of \d+\.\d [KM]iB at once', out)
    assert out.splitlines()[-1] == 'the run will reach its end, as far as can be known'
    assert 'mIoU' not in out  # numbers after three steps mean nothing
    assert sorted(toy.parent.rglob('*')) == before


def test_a_run_before_it_and_one_after_it_are_what_they_are_without_it(toy, tmp_path):
    short, folder = OPTIONS | {'max_iters': 2}, tmp_path / 'run'
    alone = train(str(toy), short, str(folder))
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    rehearse(str(toy), short, str(folder))
    assert {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()} == before
    assert train(str(toy), short, str(tmp_path / 'after')) == alone


@pytest.mark.parametrize('split', ['training', 'validation'])
def test_an_unreadable_picture_at_the_end_of_the_list(toy, capsys, split):
    last = pictures(toy, split)[-1]
    last.write_bytes(last.read_bytes()[:-200])
    out = found(toy, capsys)
    assert 'cannot be read' in out
    assert last.name in out


def test_a_mask_that_does_not_fit_its_picture(toy, capsys):
    mask = toy.parent / 'data/annotations/training' / pictures(toy, 'training')[-1].name
    Image.fromarray(np.ones((32, 40), np.uint8)).save(mask)
    assert mask.name in found(toy, capsys)


def test_a_picture_that_is_all_ignored_is_none_of_its_concern(toy):
    """The largest, the narrowest and the typical one of a split may be."""
    masks = sorted((toy.parent / 'data/annotations/test').iterdir())
    for mask in masks[:-1]:
        Image.new('L', (32, 32), 0).save(mask)
    rehearse(str(toy), OPTIONS)


def test_a_step_of_the_pipeline_that_fails_for_one_picture(toy, capsys):
    picture = pictures(toy, 'training')[5]
    mask = toy.parent / 'data/annotations/training' / picture.name
    for path, mode in ((picture, 'RGB'), (mask, 'L')):
        Image.new(mode, (20, 30), 1).save(path)
    out = found(
        toy,
        capsys,
        **{
            'train_pipeline': [
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                dict(type=RefuseSmall.__name__),
                dict(type='PackSegInputs'),
            ]
        },
    )
    assert 'too small' in out
    assert picture.name in out


def test_a_validation_that_does_not_fit_into_memory(toy, capsys, monkeypatch):
    picture = pictures(toy, 'validation')[1]
    mask = toy.parent / 'data/annotations/validation' / picture.name
    for path, mode in ((picture, 'RGB'), (mask, 'L')):
        Image.new(mode, (4000, 3000), 1).save(path)
    monkeypatch.setattr(host, 'available_memory', lambda: 300 * 2**20)
    out = found(toy, capsys)
    assert 'memory' in out
    assert picture.name in out
    assert '3000 x 4000' in out


@pytest.mark.parametrize(
    'test_cfg',
    [
        dict(mode='slide', crop_size=(8, 8), stride=(20, 20)),
        dict(mode='slide', crop_size=(8, 8)),
    ],
)
def test_a_slide_setting_that_does_not_work(toy, test_cfg):
    with pytest.raises(UserError, match=r'model\.test_cfg'):
        rehearse(str(toy), {**OPTIONS, 'model.test_cfg': test_cfg})


def test_a_validation_that_does_not_work(toy, capsys, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError('cannot count')

    monkeypatch.setattr(StreamingIoU, 'process', fail)
    out = found(toy, capsys)
    assert 'problem: validating' in out
    assert 'not rehearsed: resuming' in out


def test_a_disk_that_will_be_full(toy, capsys, monkeypatch):
    usage = shutil.disk_usage(toy.parent)
    monkeypatch.setattr(measured.shutil, 'disk_usage', lambda _: usage._replace(free=10_000))
    out = found(toy, capsys)
    assert 'the disk will be full: 3 checkpoints at once' in out


def test_a_panel_that_cannot_be_drawn(toy, capsys, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError('no such font')

    monkeypatch.setattr(panel_hook, 'save_panel', fail)
    assert 'problem: the panel: RuntimeError: no such font' in found(toy, capsys)


def test_a_class_that_occurs_nowhere_is_told(toy, capsys):
    for mask in (toy.parent / 'data/annotations').rglob('*.png'):
        ids = np.asarray(Image.open(mask)).copy()
        ids[ids == 2] = 1
        Image.fromarray(ids).save(mask)
    rehearse(str(toy), OPTIONS)
    out = capsys.readouterr().out
    assert "1 class occurs in no mask of any split ('" in out


@pytest.mark.slow
def test_two_ranks(toy, tmp_path):
    before = sorted(tmp_path.rglob('*'))
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'tests/helpers')])
    command = [
        sys.executable,
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc_per_node',
        '2',
    ]
    command += [str(ROOT / 'tools/train.py'), str(toy), '--launcher', 'pytorch', '--rehearse']
    command += ['--cfg-options', *(f'{key}={value}' for key, value in OPTIONS.items())]
    done = subprocess.run(
        command,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=paths),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('the run will reach its end') == 1
    assert 'global batch 4 = 2 rank(s) x 2 images x 1 accumulation' in done.stdout
    assert sorted(tmp_path.rglob('*')) == before
