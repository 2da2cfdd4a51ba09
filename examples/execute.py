"""Executes quickstart.ipynb anew and draws its first pictures: `make notebook`.

The outputs are written into the notebook. docs/notebook.png is what a browser shows of some of
them, and docs/prediction.png, the README's picture, is the predicted picture beside two of them.
"""

import base64
import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).with_name('quickstart.ipynb')
DOCS = NOTEBOOK.parents[1] / 'docs'
PREDICTED = 'work_dirs/quickstart/scenes/images/test/00003.png'  # in the notebook's folder
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
PREDICTIONS = ('result = model.predict(', 'own = model.predict(')  # cells
SHOWN = (*PREDICTIONS, 'plt.subplots')
PAGE = """<meta charset="utf-8"><style>
body { margin: 16px; font: 14px sans-serif; background: white }
pre { background: #f4f4f4; padding: 10px; margin: 0 0 10px; font: 13px monospace }
section { margin-bottom: 22px; flex-shrink: 0 } h3 { margin: 0 0 8px; font-weight: normal }
img { max-width: none !important } td { padding: 1px 6px }
</style>"""


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in a folder; the notebook with its outputs.

    Args:
        notebook: It is changed.
        folder: The kernel's working folder.

    Raises:
        CellExecutionError: A cell failed.
    """
    resources = {'metadata': {'path': str(folder)}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop('execution', None)  # times, which differ each time
    return notebook


def page(notebook: NotebookNode) -> str:
    """HTML of the cells of SHOWN, code and output."""
    sections = [
        f'<section><pre>{html.escape(cell.source)}</pre>{_outputs(cell)}</section>'
        for cell in _cells(notebook, SHOWN)
    ]
    return PAGE + ''.join(sections)


def strip(notebook: NotebookNode, picture: Path) -> str:
    """HTML of a picture and its predictions, side by side."""
    data = base64.b64encode(picture.read_bytes()).decode()
    image = (
        f'<img width="256" style="image-rendering:pixelated" src="data:image/png;base64,{data}">'
    )
    parts = [image, *map(_outputs, _cells(notebook, PREDICTIONS))]
    columns = zip(('picture', 'prediction', 'classes by name'), parts, strict=True)
    shown = ''.join(f'<section><h3>{title}</h3>{part}</section>' for title, part in columns)
    return f'{PAGE}<div style="display:flex;gap:24px">{shown}</div>'


def _cells(notebook: NotebookNode, parts: tuple[str, ...]) -> list[NotebookNode]:
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    return [cell for cell in cells if any(part in cell.source for part in parts)]


def _outputs(cell: NotebookNode) -> str:
    return ''.join(map(_shown, cell.outputs))


def _shown(output: NotebookNode) -> str:
    data = output.get('data', {})
    if 'text/html' in data:
        return data['text/html']
    if 'image/png' in data:
        return f'<img src="data:image/png;base64,{data["image/png"]}">'
    return ''


def draw(text: str, picture: Path, size: str) -> None:
    """Let a browser show HTML, and write what is seen.

    Args:
        text: The page.
        picture: A .png.
        size: Of the picture in pixels, `width,height`.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f'the picture needs a browser: {", ".join(BROWSERS)}')
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'page.html')
        file.write_text(text, encoding='utf-8')
        options = ['--headless', '--no-sandbox', '--hide-scrollbars', f'--window-size={size}']
        command = [browser, *options, f'--screenshot={picture}', file.as_uri()]
        subprocess.run(command, check=True, capture_output=True)


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as work:
        done = execute(nbformat.read(NOTEBOOK, as_version=4), Path(work))
        nbformat.write(done, NOTEBOOK)
        draw(page(done), DOCS / 'notebook.png', '860,1180')
        draw(strip(done, Path(work, PREDICTED)), DOCS / 'prediction.png', '1190,316')
