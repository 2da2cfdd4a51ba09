"""The page in headless Chromium: it asks no other computer, and leaves nothing on the disk.

`make page` writes docs/page.png by it.
"""

import os
import re
import shutil
import socket
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import icpc
from icpc.serving.answer import Served

pytest.importorskip('gradio')
sync_playwright = pytest.importorskip('playwright.sync_api').sync_playwright
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium'),
]
PICTURE = os.environ.get('PAGE_PICTURE')  # where the screenshot goes


@pytest.fixture(scope='module')
def browser():
    with sync_playwright() as play:
        # A name that is not this computer's is found nowhere, as without a network.
        options = ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Gradio makes an empty folder anew where its first folder was."""
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))


REACHED = set()  # the computers that this process turned to


def _note(event, args):
    if event == 'socket.connect':
        REACHED.add(args[1][0] if isinstance(args[1], tuple) else 'here')
    elif event == 'socket.getaddrinfo':
        REACHED.add(args[0])


sys.addaudithook(_note)


@contextmanager
def opened(browser, models, **options):
    """A page of a new session; what it asks for and complains of is looked at in the end."""
    from icpc.serving.server import served

    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    REACHED.clear()
    with served(models, port=port, **options) as address:
        folder = Path(os.environ['GRADIO_TEMP_DIR'])
        page = browser.new_page(viewport=dict(width=1400, height=940))
        page.set_default_timeout(20000)
        asked, faults = [], []
        page.on('request', lambda request: asked.append(request.url))
        page.on('pageerror', lambda error: faults.append(str(error)))
        page.goto(address)
        page.wait_for_selector('#drop input[type=file]', state='attached')
        yield page
        hosts = {re.sub(r'^(\w+://[^/]+|\w+:).*', r'\1', url, flags=re.S) for url in asked}
        assert len(asked) > 10
        assert hosts - {'data:', 'blob:'} == {f'http://127.0.0.1:{port}'}
        assert faults == []
        assert [path for path in folder.rglob('*') if path.is_file()] == []
        page.close()
    assert REACHED - {'127.0.0.1', 'localhost', '::1', 'here', None} == set()
    assert not folder.exists()
    assert 'GRADIO_TEMP_DIR' not in os.environ


def drop(page, path):
    page.set_input_files('#drop input[type=file]', path)


def shares(page, place=0):
    """Name -> percent, of one model's legend."""
    rows = page.locator('.answer').nth(place).locator('.legend tr').all_inner_texts()
    return dict(row.split('\t')[1:3] for row in rows)


def expected(area):
    return {k: f'{v:.1%}' if v >= 0.001 else '< 0.1%' for k, v in area.items() if v}


def test_two_models_side_by_side(browser, scenes, picture, tmp_path):
    names = scenes.predictor.classes
    clip = icpc.load_clip_model('scenes_clip', 'auto', names, device='cpu')
    path = tmp_path / 'scene.png'
    Image.fromarray(picture).save(path)
    with opened(browser, [scenes, Served('scenes_clip, no training', clip)]) as page:
        drop(page, path)
        page.wait_for_selector('.answer >> nth=1')
        for place, model in enumerate((scenes.predictor, clip)):
            assert shares(page, place) == expected(model.predict(path).area)
        page.click('#shown input')
        page.click('[role=option]:has-text("balloon")')
        page.wait_for_selector('figcaption:has-text("balloon") >> nth=1')
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # for what fades
        shot = Path(PICTURE or tmp_path / 'page.png')
        page.screenshot(path=shot, animations='disabled')
        assert np.asarray(Image.open(shot)).std() > 30
        assert shot.stat().st_size < 300e3

        page.fill('#classes textarea', 'heaven;sky\nmeadow\n<i>ship</i>')
        page.click('#go')
        page.wait_for_selector('.answer:nth-child(1) .message:has-text("Answer by score map")')
        page.click('#by-score-map input')
        page.wait_for_selector('.answer:nth-child(1) .legend')
        page.click('#shown input')
        page.click('[role=option]:has-text("ship")')
        page.wait_for_selector('figcaption:has-text("<i>ship</i>")')
        area = scenes.predictor.predict(
            path, ['heaven;sky', 'meadow', '<i>ship</i>'], 'score_map'
        ).area
        assert shares(page) == expected(area)


def test_what_cannot_be_taken_is_one_message_and_the_page_goes_on(browser, fixed, tmp_path):
    noise = np.random.RandomState(0).randint(0, 255, (400, 400, 3), np.uint8)
    for name, pixels, kind in (('wide.png', noise[:, :1] * 0, 'PNG'), ('big.bmp', noise, 'BMP')):
        Image.fromarray(pixels.repeat(600, 1) if kind == 'PNG' else pixels).save(tmp_path / name)
    (tmp_path / 'text.png').write_text('<script>')
    with opened(browser, [fixed], classes='sky, sea, moon', megapixels=0.05) as page:
        page.click('#example-1')
        page.wait_for_selector('.legend')
        for name, message in (('text.png', 'no whole picture'), ('wide.png', 'megapixels')):
            drop(page, tmp_path / name)
            page.wait_for_selector(f'.message:has-text("{message}")')
        drop(page, tmp_path / 'big.bmp')
        page.wait_for_selector('.toast-body')
        page.click('#go')  # about the example
        page.wait_for_selector('.legend')
        assert page.locator('.message').count() == 0
        page.fill('#classes textarea', 'sky')
        page.click('#go')
        page.wait_for_selector('.message:has-text("nothing to tell apart")')
