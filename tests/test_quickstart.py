"""The notebook is whole, was executed in order, and runs in an empty folder."""

import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / 'examples' / 'quickstart.ipynb'
LARGEST = 400_000  # bytes


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(FILE, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == 'code']


def kinds_of(cell):
    """What a notebook shows of a cell; fails for an error and for what is printed as one."""
    for output in cell.outputs:
        assert output.output_type != 'error', output
        assert output.get('name') != 'stderr', output.text
    return {kind for output in cell.outputs for kind in output.get('data', {})}


def test_the_notebook_is_valid_and_holds_the_outputs_of_one_execution(notebook):
    nbformat.validate(notebook)
    cells = code_of(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    shown = [kinds_of(cell) for cell in cells]
    assert sum('text/html' in kinds for kinds in shown) == 3
    assert sum('text/markdown' in kinds for kinds in shown) == 1
    for cell in cells:
        compile(TransformerManager().transform_cell(cell.source), str(FILE), 'exec')
    for file in (FILE, ROOT / 'docs' / 'notebook.png', ROOT / 'docs' / 'prediction.png'):
        assert file.stat().st_size < LARGEST


@pytest.mark.slow
def test_the_notebook_runs_in_an_empty_folder(notebook, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(FILE.parent)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    from execute import execute

    expected = [kinds_of(cell) for cell in code_of(notebook)]
    done = code_of(execute(notebook, tmp_path))
    assert [kinds_of(cell) for cell in done] == expected
    folder = tmp_path / 'work_dirs' / 'quickstart'
    assert [path.name for path in tmp_path.iterdir()] == ['work_dirs']
    assert Image.open(folder / 'labels.png').size == (128, 128)
    assert (folder / 'run' / 'iter_50.pth').is_file()
    assert '| instance | 2/2 |' in (folder / 'study' / 'table.md').read_text()
    assert str(ROOT) in sys.modules['icpc'].__file__
