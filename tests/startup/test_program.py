"""How a command is typed follows from how the program was started."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from icpc.startup import program

ROOT = Path(__file__).resolve().parents[2]


def started(monkeypatch, file, folder):
    main = SimpleNamespace() if file is None else SimpleNamespace(__file__=str(file))
    monkeypatch.setitem(sys.modules, '__main__', main)
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    ('file', 'folder', 'prepare', 'ranks'),
    [
        ('/venv/bin/icpc', '/', 'icpc prepare-data', '--no-python icpc train'),
        (ROOT / 'icpc/cli/__main__.py', '/', 'icpc prepare-data', '--no-python icpc train'),
        (ROOT / 'tools/train.py', ROOT, 'python tools/prepare_data.py', 'tools/train.py'),
        (
            *(ROOT / 'tools/train.py', '/usr'),
            *(f'python {ROOT}/tools/prepare_data.py', f'{ROOT}/tools/train.py'),
        ),
        (None, ROOT, 'python tools/prepare_data.py', 'tools/train.py'),
    ],
)
def test_in_a_checkout(file, folder, prepare, ranks, monkeypatch):
    started(monkeypatch, file, folder)
    assert program.typed('prepare-data', 'voc') == f'{prepare} voc'
    assert program.typed_for_ranks('pytorch') == f'torchrun --nproc_per_node N {ranks} ...'
    assert program.name_of('prepare-data') == prepare.removeprefix('python ')
    assert program.typed('configs') == 'icpc configs'  # which is no script


@pytest.mark.parametrize('file', [None, '{}/tools/train.py', '/venv/bin/pytest'])
def test_installed_or_in_a_copy_of_the_code(file, tmp_path, monkeypatch):
    package = tmp_path / 'icpc'
    (package / 'tools').mkdir(parents=True)
    monkeypatch.setattr(program, 'PACKAGE', package)
    started(monkeypatch, file and file.format(package), tmp_path)
    assert program.typed('reproduce', 'run') == 'icpc reproduce run'
    assert program.typed_for_ranks('slurm') == 'srun --ntasks=N icpc train ...'
    assert program.tools_folder() == package / 'tools'


def test_somebody_else_s_tools_are_not_ours(tmp_path, monkeypatch):
    started(monkeypatch, tmp_path / 'tools/train.py', tmp_path)
    assert not program.is_command()
    started(monkeypatch, ROOT / 'tools/train.py', tmp_path)
    assert program.is_command()
