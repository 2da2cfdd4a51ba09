"""Executes quickstart.ipynb anew and draws its first pictures: `make notebook`.

The outputs are written into the notebook, and docs/notebook.png is what a browser shows of them.
"""

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
PICTURE = NOTEBOOK.parents[1] / 'docs' / 'notebook.png'
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
SHOWN = ('model.predict(picture)', 'classes=', 'plt.subplots')  # cells in the picture
SIZE = '880,1000'  # pixels
PAGE = """<meta charset="utf-8"><style>
body { margin: 16px; font: 14px sans-serif; background: white }
pre { background: #f4f4f4; padding: 10px; margin: 0 0 10px; font: 13px monospace }
section { margin-bottom: 22px } td { padding: 1px 6px }
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
    """HTML of the cells that the picture shows, code and output."""
    sections = []
    for cell in notebook.cells:
        if cell.cell_type == 'code' and any(part in cell.source for part in SHOWN):
            outputs = ''.join(map(_shown, cell.outputs))
            sections.append(f'<section><pre>{html.escape(cell.source)}</pre>{outputs}</section>')
    return PAGE + ''.join(sections)


def _shown(output: NotebookNode) -> str:
    data = output.get('data', {})
    if 'text/html' in data:
        return data['text/html']
    if 'image/png' in data:
        return f'<img src="data:image/png;base64,{data["image/png"]}">'
    return ''


def draw(text: str, picture: Path) -> None:
    """Let a browser show HTML, and write what is seen.

    Args:
        text: The page.
        picture: A .png.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f'the picture needs a browser: {", ".join(BROWSERS)}')
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'page.html')
        file.write_text(text, encoding='utf-8')
        options = ['--headless', '--no-sandbox', '--hide-scrollbars', f'--window-size={SIZE}']
        command = [browser, *options, f'--screenshot={picture}', file.as_uri()]
        subprocess.run(command, check=True, capture_output=True)


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as work:
        done = execute(nbformat.read(NOTEBOOK, as_version=4), Path(work))
    nbformat.write(done, NOTEBOOK)
    draw(page(done), PICTURE)
    print(f'{NOTEBOOK}\n{PICTURE}')
