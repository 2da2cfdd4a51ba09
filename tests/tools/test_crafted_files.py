"""A file that would run code when it is unpickled is refused by every tool that reads one."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
DEMO = str(ROOT / 'configs' / 'icpc' / 'icpc_tiny_fpn_1k_scenes-128.py')
DENSECLIP = str(ROOT / 'configs' / 'denseclip' / 'denseclip_rn50_fpn_80k_ade20k-512.py')
_OPTIONS = ['--cfg-options']
_DATA = [*_OPTIONS, 'data_root={data}']
# {file} is the crafted one, {dir} an empty folder; {run} holds it as the run's last checkpoint.
CALLS = {
    'train, load_from': ['train.py', DEMO, '--work-dir', '{dir}', *_DATA, 'load_from={file}'],
    'train, resume': ['train.py', DEMO, '--work-dir', '{run}', '--resume', *_DATA],
    'train, CLIP': [
        *('train.py', DEMO, '--work-dir', '{dir}', *_DATA),
        *('model.clip.model=RN50-quickgelu', 'model.clip.pretrained={file}'),
    ],
    'test': ['test.py', DEMO, '{file}', '--work-dir', '{dir}', *_DATA],
    'publish, file': ['publish.py', '{file}', '--out', '{dir}/new'],
    'publish, run': ['publish.py', '{run}', '--out', '{dir}/new'],
    'import_denseclip': ['import_denseclip.py', DENSECLIP, '{file}', '{dir}/new.pth'],
    'complexity': ['complexity.py', DEMO, *_OPTIONS, 'load_from={file}'],
    'check_reference': ['check_reference.py', '{arrays}'],
}


class Crafted:
    """Unpickling makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trace,))


def write_data(root: Path) -> Path:
    """One picture of sky and its mask for each split, where the demo's config looks."""
    for split in ('training', 'validation', 'test'):
        for kind, mode in (('images', 'RGB'), ('annotations', 'L')):
            (root / kind / split).mkdir(parents=True)
            Image.new(mode, (128, 128)).save(root / kind / split / '0.png')
    return root


@pytest.mark.parametrize('call', CALLS)
def test_a_crafted_file_is_refused_and_runs_nothing(call, tmp_path, monkeypatch, capsys):
    trace, run = tmp_path / 'it ran', tmp_path / 'run'
    run.mkdir()
    crafted = run / 'iter_4.pth'
    torch.save({'state_dict': {'x': Crafted(trace)}, 'meta': {'iter': 4}}, crafted)
    (run / 'last_checkpoint').write_text(crafted.name)
    (run / 'config.py').write_text('')
    arrays = tmp_path / 'arrays.npz'
    np.savez(arrays, anything=np.array([Crafted(trace)], dtype=object))
    data = write_data(tmp_path / 'data')
    places = dict(file=crafted, dir=tmp_path / 'out', run=run, arrays=arrays, data=data)
    tool, *words = (word.format(**places) for word in CALLS[call])
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    printed = capsys.readouterr()
    assert end.value.code == 2, printed.out + printed.err
    assert not trace.exists(), 'its code ran'
    assert printed.err.startswith('error: ')
    message = ' '.join((printed.out + printed.err).split())
    assert places['arrays' if tool == 'check_reference.py' else 'file'].name in message
    assert 'refused' in message, message


def test_the_crafted_file_would_run_its_code(tmp_path):
    torch.save(Crafted(tmp_path / 'trace'), tmp_path / 'file')
    torch.load(tmp_path / 'file', weights_only=False)
    assert (tmp_path / 'trace').exists()
