"""A mistake in the user's own code is shown with type, message, file and line; ours in full."""

from functools import partial
from pathlib import Path
from types import FunctionType

import own_mistakes
import pytest
from toy_run import write_clip_config

import icpc.checkpoints.hook
from icpc import load_config
from icpc.checkpoints.hook import NewestCheckpointsHook
from icpc.commands.tool import run_tool
from icpc.commands.train import train
from icpc.errors import UserError, place_of
from icpc.training.runner import SafeRunner

FILE = Path(own_mistakes.__file__)
SOURCE = FILE.read_text().splitlines()
IMPORTS = 'custom_imports.imports=[icpc, toy_parts, own_mistakes]'
STEP = 'train_pipeline.RandomFlip.before=dict(type=BrokenStep)'


def line_of(mark):
    (line,) = [number for number, text in enumerate(SOURCE, 1) if text.endswith(f' {mark}')]
    return line


def ran(toy_config, tmp_path, capfd, *options):
    options = [IMPORTS, 'max_iters=2', 'default_hooks.panel=None', *options]
    code = run_tool(lambda: train(str(toy_config), list(options), str(tmp_path / 'run')))
    text = capfd.readouterr().err
    assert code == 2
    assert 'Traceback' not in text
    return ' '.join(text.split())


@pytest.mark.parametrize(
    ('options', 'mark', 'message'),
    [
        (['custom_hooks=[dict(type=BrokenHook)]'], 'hook', 'FileNotFoundError: [Errno 2] No such'),
        ([STEP], 'step', 'FileNotFoundError: my list.txt'),
        ([STEP, 'num_workers=1'], 'step', 'FileNotFoundError: my list.txt'),
        (['val_evaluator.type=BrokenMetric'], 'metric', "KeyError: 'nothing'"),
        (['model.backbone.type=BrokenForward'], 'forward', 'RuntimeError: '),
        (['dataset_type=BrokenDataset'], 'dataset', "NameError: name 'place' is not defined"),
    ],
)
def test_a_mistake_of_a_run_has_its_place(toy_config, tmp_path, capfd, options, mark, message):
    text = ran(toy_config, tmp_path, capfd, *options)
    assert f'{FILE}:{line_of(mark)}: {message}' in text
    assert text.endswith('(--debug shows the whole traceback)')


def test_a_mistake_of_a_loss_has_its_place(toy_config, tmp_path, capfd, tiny_vit_cfg):
    config = write_clip_config(tmp_path, toy_config, tiny_vit_cfg)
    text = ran(config, tmp_path, capfd, 'model.losses.mine=dict(type=BrokenLoss)')
    assert f"{FILE}:{line_of('loss')}: NameError: name 'score_map' is not defined" in text


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('value', 'ValueError: too many values to unpack'),
        ('type', 'TypeError: not all arguments'),
        ('key', "KeyError: 'nothing'"),
        ('attribute', "AttributeError: 'BrokenInit' object has no attribute 'nothing'"),
        ('import', "ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_a_mistake_of_a_constructor_has_its_place(toy_config, tmp_path, kind, message):
    options = [IMPORTS, 'model.backbone.type=BrokenInit', f'model.backbone.kind={kind}']
    cfg = load_config(toy_config, options, tmp_path / 'run')
    with pytest.raises(UserError, match=rf'own_mistakes\.py:{line_of(kind)}: {message}'):
        SafeRunner.from_cfg(cfg)


def test_an_argument_that_is_missing_is_about_the_config(toy_config, tmp_path):
    cfg = load_config(toy_config, {'model.decode_head.channels': 8}, tmp_path / 'run')
    del cfg.model.decode_head['channels']
    with pytest.raises(UserError, match=r"config cannot be built: .*'channels'"):
        SafeRunner.from_cfg(cfg)


def test_a_fault_of_ours_shows_its_traceback(toy_config, tmp_path, monkeypatch):
    def broken(self, interval):
        raise KeyError(interval)

    monkeypatch.setattr(
        NewestCheckpointsHook, '__init__', FunctionType(_as_ours(broken), globals())
    )
    cfg = load_config(toy_config, None, tmp_path / 'run')
    # `partial`, since a lambda in this file would be own code that took part.
    with pytest.raises(KeyError) as error:
        run_tool(partial(SafeRunner.from_cfg, cfg))
    assert place_of(error.value.with_traceback(error.value.__traceback__.tb_next)) is None


def _as_ours(function):
    """The function's code as if it stood in icpc."""
    return function.__code__.replace(co_filename=icpc.checkpoints.hook.__file__)


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        path = tmp_path / f'{name}.py'
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('x = 1\nimport not_there_at_all\n', ":2: ModuleNotFoundError: No module named 'not_there"),
        ('from icpc import not_there\n', ':1: ImportError: cannot import name'),
        ('x = 1\ndef f(:\n', ':2: SyntaxError: invalid syntax'),
        ('x = 1\n\nx.y\n', ":3: AttributeError: 'int' object has no attribute 'y'"),
    ],
)
def test_a_module_that_is_found_and_cannot_be_imported(toy_config, module, text, message):
    path = module('mine_broken', text)
    with pytest.raises(UserError) as error:
        load_config(toy_config, ['custom_imports.imports=[icpc, toy_parts, mine_broken]'])
    assert f'custom_imports: mine_broken cannot be imported: {path}{message}' in str(error.value)
    assert 'PYTHONPATH' not in str(error.value)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'not_there_at_all',
            'no module not_there_at_all; put the folder that holds',
        ),
        ('toy_parts.heads', 'toy_parts is found, but there is no heads in it'),
        ('3', 'no module 3'),
    ],
)
def test_a_module_that_is_not_found(toy_config, name, message):
    with pytest.raises(UserError, match=rf'toy\.py: custom_imports: {message}'):
        load_config(toy_config, {'custom_imports.imports': ['icpc', 'toy_parts', name]})


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('x_ = (\n', r'toy\.py:39: SyntaxError'),
        ('_x = 1\n_y = _x.real.nothing\n', r"toy\.py:40: AttributeError: 'int' object"),
        ("_x = {}['a']\n", r"toy\.py:39: KeyError: 'a'"),
        ("_x = open('my list.txt')\n", r'toy\.py:39: FileNotFoundError: .*my list'),
        ('_x = 1 / 0\n', r'toy\.py:39: ZeroDivisionError'),
    ],
)
def test_a_mistake_in_a_config_has_its_line(toy_config, tmp_path, text, message):
    toy_config.write_text(toy_config.read_text() + text)
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = './toy.py'\n")
    for path in (toy_config, leaf):
        with pytest.raises(UserError, match=message):
            load_config(path)


def test_a_refusal_from_a_loader_is_its_message_alone(toy_config, tmp_path, capfd, monkeypatch):
    def refuse(self, results):
        raise UserError('this picture is refused')

    monkeypatch.setattr(own_mistakes.BrokenStep, '__call__', refuse)
    text = ran(toy_config, tmp_path, capfd, STEP, 'num_workers=1')
    assert text == 'error: this picture is refused'
