"""A file that would run code when it is unpickled is refused by every tool that reads one."""

import runpy
import sys
from pathlib import Path

import crafted_files
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
    'rehearse, load_from': [
        *('train.py', DEMO, '--work-dir', '{dir}', '--rehearse', *_DATA, 'load_from={file}'),
    ],
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


def write_data(root: Path) -> Path:
    """One picture of sky and its mask for each split, where the demo's config looks."""
    for split in ('training', 'validation', 'test'):
        for kind, mode in (('images', 'RGB'), ('annotations', 'L')):
            (root / kind / split).mkdir(parents=True)
            Image.new(mode, (128, 128)).save(root / kind / split / '0.png')
    return root


# TorchScript's weights can be read without its code, so these fail by what they hold.
ROWS = [(call, crafted_files.pickled) for call in CALLS]
ROWS += [(call, crafted_files.scripted) for call in CALLS if call != 'check_reference']
KINDS = [crafted_files.old_pickled, crafted_files.bare_pickle, *crafted_files.SIZES]
ROWS += [(call, make) for call in ('test', 'publish, file', 'train, resume') for make in KINDS]
ROWS += [('import_denseclip', crafted_files.old_pickled)]
LARGE = {('train, CLIP', crafted_files.scripted), ('import_denseclip', crafted_files.scripted)}
MARKS = [[pytest.mark.slow] if row in LARGE else [] for row in ROWS]


@pytest.mark.parametrize(
    ('call', 'make'),
    [
        pytest.param(*row, marks=marks, id=f'{row[0]}-{row[1].__name__}')
        for row, marks in zip(ROWS, MARKS, strict=True)
    ],
)
def test_a_crafted_file_is_refused_and_runs_nothing(call, make, tmp_path, monkeypatch, capsys):
    trace, run = tmp_path / 'it ran', tmp_path / 'run'
    run.mkdir()
    crafted = run / 'iter_4.pth'
    make(crafted, trace)
    (run / 'last_checkpoint').write_text(crafted.name)
    (run / 'config.py').write_text('')
    arrays = tmp_path / 'arrays.npz'
    crafted_files.objects(arrays, trace)
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
    assert make is crafted_files.scripted or 'refused' in message, message


def test_the_crafted_files_would_run_their_code(tmp_path):
    trace = tmp_path / 'trace'
    torch.load(crafted_files.pickled(tmp_path / 'file', trace), weights_only=False)
    assert trace.exists()
    path = crafted_files.scripted(tmp_path / 'file', trace)
    assert not trace.exists()
    torch.jit.load(str(path))
    assert trace.exists()
