"""The page is checked by parsing it and, where there is one, in a headless browser."""

import base64
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icpc.cli.main import main
from icpc.errors import UserError
from icpc.experiments.report.page import write_report

CLASSES = ['sky', 'sea', 'car']
_BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
BROWSER = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
_FLAGS = [
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'),
    *('--disable-background-networking', '--disable-component-update', '--disable-sync'),
    *('--enable-logging=stderr', '--v=0', '--virtual-time-budget=5000', '--dump-dom'),
]
_BROWSER_SECONDS = 90


def write_run(folder: Path, row: str, seed: int, gain: float, text: bool = True) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    value = 40 + 0.5 * seed + gain
    results = {'step': 20, 'mIoU': value, **({'score_mIoU': value - 2} if text else {})}
    record = {
        'state': 'finished',
        'seed': seed,
        'seconds': 61.0,
        'reproduce': f'python tools/reproduce.py {folder}',
        'git': {'commit': '0123456789abcdef', 'dirty': True},
        'machine': {'host': 'here', 'gpus': []},
        'fingerprints': {'code': 'c'},
        'parameters': {'all': 5, 'trained': 4},
        'memory_mib': {'process': 9.0},
        'metrics': {'val': results, 'test': results},
    }
    (folder / 'run.json').write_text(json.dumps(record))
    config = {'seed': seed, 'randomness': {'seed': seed}, 'model': {'prompter': {'type': row}}}
    (folder / 'resolved_config.json').write_text(json.dumps(config))
    lines = [
        {**results, 'step': step, 'split': split, 'loss': 1 / step + gain}
        for step in (10, 20)
        for split in ('train', 'val')
    ]
    (folder / 'metrics.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    counts = np.diag([60, 40, 20 + round(10 * gain)]) + rng.integers(1, 5, (3, 3))
    kinds = {'head': counts, **({'score_map': counts + 1} if text else {})}
    np.savez(folder / 'confusion.npz', class_names=np.array(CLASSES), split='test', **kinds)
    Image.fromarray(rng.integers(0, 255, (30, 60, 3), np.uint8)).save(folder / 'panel.png')


@pytest.fixture
def study(tmp_path):
    rows = {'static <b>': 0.0, 'instance': 1.5, 'no text': -1.0}
    runs = []
    for row, gain in rows.items():
        for seed in range(3):
            place = f'runs/{row[:2]}{seed}'
            write_run(tmp_path / place, row, seed, gain, row != 'no text')
            runs.append({'regime': 'few labels', 'row': row, 'seed': str(seed), 'work_dir': place})
    runs.append({'regime': 'few labels', 'row': 'instance', 'seed': '3', 'work_dir': 'runs/none'})
    index = {
        'name': 'prompts & more',
        'base': '',
        'split': 'test',
        'baseline': 'static <b>',
        'metrics': {'head': 'mIoU', 'score map': 'score_mIoU', 'car': {'classes': ['car']}},
        'comparisons': {'instance over no text': ['instance', 'no text']},
        'runs': runs,
    }
    (tmp_path / 'study.json').write_text(json.dumps(index))
    return tmp_path


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images, self.links, self.rows, self._open = [], [], [], []
        self.feed(path.read_text())
        assert not self._open, f'not closed: {self._open}'

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ('meta', 'link', 'img', 'br'):
            self._open.append(tag)
        if tag == 'img':
            assert attributes['alt']
            self.images.append(attributes['src'])
        self.links += [attributes[key] for key in ('href', 'src') if key in attributes]
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')

    def handle_data(self, data):
        if self._open and self._open[-1] in ('td', 'th'):
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


def test_the_page_holds_everything_and_needs_nothing_else(study):
    path = write_report([study])
    page = Page(path)
    assert path == study / 'report.html'
    assert all(link.startswith(('data:', '#')) for link in page.links)
    # Curves; head and score map of instance, head of no text; 3 grids of confusion; 3 panels.
    assert len(page.images) == 1 + 3 + 3 + 3
    kinds = [uri[len('data:image/') :].split(';')[0] for uri in page.images]
    assert sorted(kinds) == ['jpeg'] * 3 + ['svg+xml'] * 7
    for uri, kind in zip(page.images, kinds, strict=True):
        content = base64.b64decode(uri.partition(',')[2])
        assert (
            content.rstrip().endswith(b'</svg>')
            if kind == 'svg+xml'
            else Image.open(io.BytesIO(content)).size == (60, 30)
        )


def test_tables_of_the_page(study):
    rows = Page(write_report([study])).rows
    assert ['instance', '3/4', '42.00', '0.50', '[40.76, 43.24]'] in [row[:5] for row in rows]
    differences = [row[5:8] for row in rows if row[:3] == ['instance', '3/4', '42.00']]
    assert differences == [['+1.50', '[+1.50, +1.50]', '< 0.001']]
    assert ['model.prompter.type', "'static <b>'", "'instance'"] in rows
    assert not [row for row in rows if row[0] in ('seed', 'randomness.seed')]
    states = [row[1] for row in rows if row[0].startswith('few labels / instance')]
    assert states == ['finished'] * 3 + ['to do']


def test_names_are_escaped(study):
    text = write_report([study]).read_text()
    assert '<title>prompts &amp; more</title>' in text
    assert 'static &lt;b&gt;' in text
    assert '<b>' not in text


def test_runs_without_a_study_are_grouped_by_their_configs(study):
    folders = sorted(path for path in (study / 'runs').iterdir())
    page = Page(write_report(folders, study / 'other.html', baseline='no0'))
    found = {row[0]: row[1] for row in page.rows if row[1:2] == ['3/3']}
    assert found == {'in0': '3/3', 'no0': '3/3', 'st0': '3/3'}
    assert any(row[:1] == ['row'] and 'minus no0' in row for row in page.rows)


def test_tables_of_runs_without_a_study(study, tmp_path):
    folders = sorted(map(str, (study / 'runs').iterdir()))
    given = ['--out', str(tmp_path / 'page.html'), '--tables', str(tmp_path / 'tables')]
    assert main(['report', *folders, '--baseline', 'no0', *given]) == 0
    with (tmp_path / 'tables/table.csv').open() as file:
        rows = [one for one in csv.DictReader(file) if one['metric'] == 'mIoU']
    found = {one['row']: (float(one['mean']), one['difference'][:3]) for one in rows}
    assert found == {'in0': (42.0, '2.5'), 'no0': (39.5, ''), 'st0': (40.5, '1.0')}


@pytest.mark.parametrize(
    ('folder', 'baseline', 'message'),
    [
        ('runs', None, 'neither a run .* nor a study'),
        ('.', 'instnce', "no row 'instnce'; did you mean instance"),
    ],
)
def test_what_is_no_run_is_refused(study, folder, baseline, message):
    with pytest.raises(UserError, match=message):
        write_report([study / folder], baseline=baseline)


def test_a_study_beside_runs_is_refused(study):
    with pytest.raises(UserError, match='is a study: give one study alone, or runs'):
        write_report([study, study / 'runs' / 'st0'])


def test_rows_without_a_score_map_and_bold_rows_are_explained(study):
    path = write_report([study])
    assert ['no text', 'none', '-', '-', '-'] in [row[:5] for row in Page(path).rows]
    text = path.read_text()
    assert 'score map: none for &#39;no text&#39;, whose runs do not measure it' in text
    assert 'uncorrected for the number of rows' in text


def test_a_study_that_has_not_begun_is_refused(study):
    shutil.rmtree(study / 'runs')
    with pytest.raises(UserError, match='none of the 10 runs is finished'):
        write_report([study])


_COUNT_PICTURES = """<script>
addEventListener('load', () => {
  const loaded = [...document.images].filter(image => image.complete && image.naturalWidth > 0);
  const wide = document.documentElement.scrollWidth > innerWidth;
  document.title = `${loaded.length} of ${document.images.length}, wide ${wide}`;
});
</script></body>"""


def look_at(path: Path, profile: Path) -> tuple[str, str]:
    """What a headless browser makes of a page: its DOM, and what it wrote to the console."""
    command = [BROWSER, *_FLAGS, f'--user-data-dir={profile}', path.as_uri()]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        dom, log = process.communicate(timeout=_BROWSER_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return dom, '\n'.join(line for line in log.splitlines() if 'CONSOLE' in line)


@pytest.mark.skipif(BROWSER is None, reason=f'no browser: none of {", ".join(_BROWSERS)}')
def test_a_browser_shows_every_picture_and_has_nothing_to_complain_about(study):
    path = write_report([study])
    dom, console = look_at(path, study / 'profile')
    assert 'prompts &amp; more' in dom
    assert console == ''
    # The page itself runs no scripts; the copy that counts its pictures has to be allowed one.
    text = path.read_text().replace("default-src 'none'", "script-src 'unsafe-inline'")
    copy = study / 'counted.html'
    copy.write_text(text.replace('</body>', _COUNT_PICTURES))
    dom, console = look_at(copy, study / 'profile 2')
    assert re.search('<title>(.*?)</title>', dom).group(1) == '10 of 10, wide false'
    assert console == ''
