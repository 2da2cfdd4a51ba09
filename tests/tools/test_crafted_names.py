"""Names of classes, folders and rows that would be markup, commands or paths are text in all tools.

One data set, run and study that are full of them go through every tool: a marker file appears if
anything of them is run, and no tool writes beside its own folder.
"""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import downloads
import pytest
from tool_calls import call_tool
from toy_run import write_config

from icpc.experiments.study.runs import expand
from icpc.experiments.study.schema import load_study
from icpc.run_dir.fingerprints import code_fingerprint

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
# What a page, a path, a console, a shell, a template, a formula and a card would take for theirs.
NAMES = [
    *('<script>x</script>', '../../marker', '[/red][link=x]a', r'\[/red]', '$(touch marker)'),
    *('{{ 7 * 7 }}', r'$\frac$', '`touch marker`', '[a](javascript:x)'),
]
TITLE = 'a<script>x<!-- $(touch marker) [b]'  # a name that a folder can have
# The toy model's config, on an own folder.
CHANGES = {
    'datasets/scenes.py': 'datasets/folder.py',
    "'ToyDataset'": "'FolderDataset'",
    'num_classes=3': f'num_classes={len(NAMES)}',
    'max_iters = 8': 'max_iters = 2\nignore_index = 255\nval_interval = 1\nnum_workers = 0',
    'eval_batch = 2': '',
}
_STUDY = """
base = {base!r}
rows = {{name: dict(lr=(index + 1) * 0.001) for index, name in enumerate({names!r})}}
regimes = {{{title!r}: {{}}}}
seeds = [0]
metrics = {{{title!r}: 'mIoU', 'part': dict(classes=[{name!r}])}}
baseline = {name!r}
"""


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def call(tool: str, *words: object) -> str:
    """What a tool prints that ends well."""
    done = call_tool(TOOLS / f'{tool}.py', *map(str, words))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
    """A prepared data set, a config and a finished run, all by the tools."""
    home = tmp_path_factory.mktemp('home')
    ids = downloads.encoded(downloads.ids([*range(len(NAMES))]))
    masks = {f'masks/{i}.png': ids for i in range(3)}
    pictures = {f'images/{i}.jpg': downloads.picture(i) for i in range(3)}
    downloads.zipped(home / 'own.zip', pictures | masks)
    (home / 'names.txt').write_bytes(downloads.lines(NAMES))
    data, config = home / TITLE / 'data', home / 'own.py'
    text = write_config(home / 'toy', low=0).read_text()
    for old, new in {**CHANGES, repr(str(home / 'toy' / 'data')): repr(str(data))}.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        call(
            *('prepare_data', 'folder', '--source', 'own.zip', '--names', 'names.txt'),
            *('--out', data, '--validation-every', 2, '--workers', 1),
        )
        assert NAMES[1] in call('train', config, '--work-dir', home / TITLE / 'run')
    return home


class Markup(HTMLParser):
    """The tags of a page, and where it would go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.places = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.places += [value for key, value in attributes if key in ('href', 'src')]


def safe_page(path: Path) -> None:
    text = path.read_text()
    found = Markup(text)
    assert 'script' not in found.tags
    assert all(place.startswith(('#', 'data:')) for place in found.places)
    assert '&lt;script&gt;' in text
    assert '<!--' not in text


def safe_markdown(path: Path) -> None:
    text = path.read_text()
    assert 'script' in text
    assert not re.search(r'<[a-z!]|\]\(|\n---\n.*\n---\n.*\n---', text, re.S)


def verify_data(home, run, out):
    call('verify_data', home / 'own.py', '--out', out)
    return {path.name for path in out.iterdir()} >= {'training.png', 'validation.png'}


def evaluate(home, run, out):
    shown = call(
        *('test', home / 'own.py', run / 'iter_2.pth', '--work-dir', out / 'logs'),
        *('--out', out / 'masks', '--show-dir', out / 'shown'),
    )
    assert all(name in shown for name in NAMES[:2])
    return all(any((out / name).iterdir()) for name in ('masks', 'shown'))


def resume(home, run, out):
    shutil.copytree(run, out)
    call('train', home / 'own.py', '--work-dir', out, '--resume', '--cfg-options', 'max_iters=3')
    return (out / 'iter_3.pth').is_file()


def rehearse(home, run, out):
    call('train', home / 'own.py', '--work-dir', out, '--rehearse')
    return not out.exists()


def publish(home, run, out):
    call('publish', run, '--out', out, '--name', TITLE)
    safe_markdown(out / 'README.md')
    return True


def report(home, run, out):
    """Of runs that differ in values that are markup, too."""
    twin = out / 'runs' / f'{TITLE} <b>'
    shutil.copytree(run, twin)
    config = json.loads((twin / 'resolved_config.json').read_text())
    config['lr'], config['<b>'] = NAMES[0], NAMES
    (twin / 'resolved_config.json').write_text(json.dumps(config))
    record = json.loads((twin / 'run.json').read_text())
    record['metrics'] = {'test': {'step': 2, 'mIoU': 1.0, TITLE: 1.0}}
    record |= {'reproduce': NAMES[0], 'git': {'commit': NAMES[0]}, 'machine': {'host': NAMES[0]}}
    (twin / 'run.json').write_text(json.dumps(record))
    given = ['--out', out / 'report.html', '--baseline', twin.name, '--tables', out / 'tables']
    call('report', run, twin, *given)
    safe_page(out / 'report.html')
    safe_markdown(out / 'tables/table.md')
    return True


def reproduce(home, run, out):
    """Of a repetition that is there already."""
    shutil.copytree(run, out)
    record = json.loads((run / 'run.json').read_text())
    mark = {'run': record['run'], 'work_dir': str(run)}
    (out / 'repeats.json').write_text(json.dumps(mark))
    return 'equal' in call('reproduce', run, '--out', out)


def ablate(home, run, out):
    """Of a study whose runs are all there."""
    study, rows = out / 'study.py', [*NAMES[:2], NAMES[-1]]
    out.mkdir()
    study.write_text(
        _STUDY.format(base=str(home / 'own.py'), names=rows, title=TITLE, name=NAMES[0])
    )
    for one in expand(load_study(study), out, code_fingerprint()):
        shutil.copytree(run, one.work_dir)
    assert NAMES[1] in call('ablate', study, '--out', out)
    safe_markdown(out / 'table.md')
    call('ablate', study, '--out', out, '--slurm')
    call('report', out)
    safe_page(out / 'report.html')
    return '$(' not in (out / 'slurm.sh').read_text()


ROWS = [verify_data, evaluate, resume, rehearse, publish, report, reproduce]
ROWS.append(pytest.param(ablate, marks=pytest.mark.slow))


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.__name__)
def test_names_are_text(row, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = files_below(home)
    assert row(home, home / TITLE / 'run', tmp_path / 'out')
    changed = {path for path, data in files_below(home).items() if before.get(path) != data}
    assert not {path for path in changed if not path.endswith('looked_at.json')}, changed
    assert not [*home.rglob('marker*'), *tmp_path.rglob('marker*')]
    assert {path.name for path in tmp_path.iterdir()} <= {'out'}
