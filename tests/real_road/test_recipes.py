"""Each recipe of the README is followed as it stands there, on small pictures, for a few steps."""

import json
import math
import re
import shlex
from pathlib import Path

import downloads
import numpy as np
import pytest
from editions import EDITIONS, named_scenes
from made_up_scenes import CROP, scenes
from running_tools import run_tool

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text()
CONFIG = 'configs/icpc/icpc_rn50_fpn_80k_ade20k-512.py'
STEPS = 4
PARTS = {
    'Add a prompter': 'my_prompter.py',
    'Add a loss': 'my_loss.py',
    'Add a head': 'my_head.py',
    'Add a dataset': 'my_dataset.py',
}


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    (text,) = re.findall(rf'^##+ {title}\n(.*?)(?=^##)', README, re.M | re.S)
    return text


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', section(title), re.S)


def commands(title: str) -> list[str]:
    """The command lines of a recipe, those over several lines as one."""
    text = '\n'.join(blocks(title, 'sh')).replace('\\\n', ' ')
    return [line for line in text.splitlines() if line]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A clone of the repository in which the recipe is followed."""
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ade20k(place):
    downloads.write(place / 'data' / 'ade', EDITIONS['ade20k'].files(named_scenes('ade20k')))


@pytest.fixture
def follow(place, clips):
    """Writes the recipe's file under the name that its text gives; runs a command of it."""
    small = {
        'crop_size': CROP,
        'max_iters': STEPS,
        'val_interval': STEPS,
        'warmup_iters': 2,
        'global_batch': 2,
        'gpu_batch': 2,
        'num_workers': 0,
        'model.clip.model': clips['rn50'],
        'model.clip.pretrained': 'auto',
        'model.neck.out_channels': 8,
        'model.decode_head.channels': 8,
        'default_hooks.panel.count': 1,
    }

    def write(title: str) -> None:
        (name,) = set(re.findall(r'`(my_\w+\.py)`', section(title)))
        (code,) = blocks(title, 'python')
        (place / name).write_text(code)

    def run(line: str) -> str:
        variables, tool, words = split(line)
        if tool == 'prepare_data.py':
            return run_tool(tool, *words, '--workers', '1', log=place / 'prepare')
        words = [CONFIG if word == 'CONFIG' else word for word in words]
        words = [re.sub(r'iter_\d+\.pth', f'iter_{STEPS}.pth', word) for word in words]
        # A key is given once: what only makes the run small takes the place of the README's value.
        keys = [word.partition('=')[0] for word in words]
        words = [
            f'{key}={small[key]}' if key in small else word
            for key, word in zip(keys, words, strict=True)
        ]
        more = [f'{key}={value}' for key, value in small.items() if key not in keys]
        log = place / f'log_{len(list(place.glob("log_*")))}'
        return run_tool(tool, *words, '--cfg-options', *more, log=log, environment=variables)

    run.write = write
    return run


def split(line: str) -> tuple[dict[str, str], str, list[str]]:
    """A command line as variables, the tool's name and its words."""
    words = shlex.split(line, comments=True)
    at = words.index('python')
    folder, _, tool = words[at + 1].partition('/')
    assert folder == 'tools'
    return dict(word.split('=', 1) for word in words[:at]), tool, words[at + 2 :]


def lines(name: str = Path(CONFIG).stem) -> list[dict[str, float]]:
    """What the run wrote about its training steps."""
    text = Path('work_dirs', name, 'metrics.jsonl').read_text()
    read = [json.loads(line) for line in text.splitlines()]
    assert {line['split'] for line in read} == {'train', 'val', 'test'}
    return [line for line in read if line['split'] == 'train']


def resolved(name: str = Path(CONFIG).stem) -> dict:
    return json.loads(Path('work_dirs', name, 'resolved_config.json').read_text())


@pytest.mark.parametrize(('title', 'name'), PARTS.items())
def test_a_recipe_is_whole(title, name):
    assert len(blocks(title, 'python')) == 1
    assert f'`{name}`' in section(title)
    assert f'custom_imports.imports=[icpc, {Path(name).stem}]' in commands(title)[-1]


def test_a_prompter(follow, ade20k):
    follow.write('Add a prompter')
    (line,) = commands('Add a prompter')
    follow(line)
    assert resolved()['model']['prompter']['type'] == 'PooledPrompter'
    assert all(math.isfinite(line['loss']) for line in lines())


def test_a_loss(follow, ade20k):
    follow.write('Add a loss')
    (line,) = commands('Add a loss')
    follow(line)
    assert all(line['loss_mine'] > 0 for line in lines())


@pytest.mark.parametrize('index', [0, 1, 2])
def test_a_head(follow, ade20k, index):
    follow.write('Add a head')
    follow(commands('Add a head')[index])
    types = ['SegformerHead', 'FCNHead', 'JoiningHead']
    assert resolved()['model']['decode_head']['type'] == types[index]
    assert len(lines()) == STEPS


def test_a_dataset(follow, place):
    files = {}
    for scene in scenes({255: -1, 0: 0, 1: 1, 2: 2}, ('training', 'validation')):
        name = f'{scene.split}/park_{scene.place}'
        files[f'images/{name}.png'] = scene.png
        files[f'annotations/{name}_mask.png'] = scene.mask(palette=False)
    downloads.write(place / 'data' / 'parks', files)
    follow.write('Add a dataset')
    (line,) = commands('Add a dataset')
    verified = follow(line.replace('train.py', 'verify_data.py'))  # the same words, as it says
    printed = follow(line)
    for text in (verified, printed):
        assert all(name in text for name in ('grass', 'path', 'tree'))
    assert resolved()['model']['class_names'] == ['grass', 'path', 'tree']


def test_own_pictures(follow, place):
    files = EDITIONS['folder'].files(named_scenes('folder'))
    downloads.write(place / 'pictures', files)
    prepare, verify, train, test = commands('Your own pictures')
    follow(prepare)
    follow(verify)
    trained, tested = follow(train), follow(test)
    assert trained.splitlines()[-1] == tested.splitlines()[-1]
    assert re.fullmatch(r'mIoU: \d+\.\d\d', tested.splitlines()[-1])
    assert list(Path('work_dirs/drawn').rglob('*.*'))


def test_a_cosine_schedule_by_override_and_in_a_file(follow, ade20k):
    override, file = commands('Change the schedule')
    follow.write('Change the schedule')
    follow(override)
    follow(file)
    # A warm-up of two steps, then half a cosine of two from lr to eta_min.
    expected = [1e-10, 1e-4, 1e-4, (1e-4 + 1e-6) / 2]
    for name in (Path(CONFIG).stem, 'my_schedule'):
        np.testing.assert_allclose([line['lr'] for line in lines(name)], expected, rtol=1e-6)
