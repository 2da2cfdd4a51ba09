"""What a person can cause is one message with its place, exit code 2, and leaves nothing."""

import errno
import json
import shutil
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from icpc.checkpoints import room
from icpc.checkpoints.hook import NewestCheckpointsHook
from icpc.commands.begin import first_step
from icpc.commands.tool import run_tool
from icpc.commands.train import train
from icpc.console.messages import say
from icpc.errors import UserError
from icpc.files import write_text_atomically
from icpc.system_errors import in_words
from icpc.training.loading.patient_loader import lost_worker
from icpc.training.weight_average import WeightAverageHook

QUICK = {'max_iters': 2, 'val_interval': 2, 'default_hooks.panel': None}


def refused(capsys, config, work_dir, options=()) -> str:
    """The message of a start, given as `partial`: a lambda would count as the user's own code."""
    code = run_tool(partial(train, str(config), {**QUICK, **dict(options)}, str(work_dir)))
    text = capsys.readouterr().err
    assert (code, text.count('error: '), 'Traceback' in text) == (2, 1, False), text
    return ' '.join(text.split())


def as_refusal_of(quoted: str) -> None:
    raise UserError(f'{quoted}: so')


CONFIGS = {
    'sys.exit(3)': ('import sys\nsys.exit(3)', r'it ends the program (sys.exit) with 3'),
    'own BaseException': ('class Out(BaseException): ...\nraise Out(3)', 'Out: 3'),
    'GeneratorExit': ('raise GeneratorExit', 'GeneratorExit'),
    'brackets': ('x = ' + '[' * 10_000, 'too many nested parentheses'),
    'operators': ('x = ' + '-' * 10_000 + '1', 'too many brackets or operators'),
    'itself': ("_base_ = ['toy.py']", 'leads back to the file itself'),
    'latin-1': (b'# \xe9\n', 'save it as UTF-8'),
}


@pytest.mark.parametrize('name', CONFIGS)
def test_a_config(name, toy_config, tmp_path, capsys):
    text, words = CONFIGS[name]
    before = toy_config.read_bytes()
    more = text if isinstance(text, bytes) else f'{text}\n'.encode()
    toy_config.write_bytes(more if name == 'itself' else before + more)
    message = refused(capsys, toy_config, tmp_path / 'run')
    assert words in message
    assert str(toy_config) in message
    assert not (tmp_path / 'run').exists()


PLACES = {
    'a file': ('file', 'a file stands where a folder is needed'),
    'below a file': ('file/run', 'a part of the path is a file, not a folder'),
    'a long name': ('x' * 300, 'the name is too long'),
    'a device': ('/dev/full', 'a file stands where a folder is needed'),
    'no file system for folders': ('/proc/new', 'no such file or folder'),
}


@pytest.mark.parametrize('name', PLACES)
def test_a_work_dir(name, toy_config, tmp_path, capsys):
    place, words = PLACES[name]
    (tmp_path / 'file').write_text('mine')
    message = refused(capsys, toy_config, tmp_path / place)
    assert f'{tmp_path / place}: {words}' in message
    assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize('number', [errno.EACCES, errno.EROFS, errno.EIO, errno.EMFILE])
def test_what_the_system_refuses_is_said_with_advice(number):
    words = in_words(OSError(number, 'x', '/a/file'))
    assert words.startswith('/a/file: ')
    assert '; ' in words
    assert in_words(OSError(errno.ECONNREFUSED, 'x')) is None


def test_room_for_checkpoints_is_looked_at_before_the_first_step(
    toy_config, tmp_path, capsys, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage._replace(free=10_000))
    message = refused(capsys, toy_config, tmp_path / 'run')
    assert 'checkpoint(s) of about' in message
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(('ema', 'times'), [(None, 1), (0.5, 2)])
def test_weights_are_counted_twice_where_an_average_is_saved(ema, times):
    model = torch.nn.BatchNorm1d(5)  # 10 numbers that train, 10 and a count that do not
    model.weight.requires_grad_(False)
    runner = SimpleNamespace(bare_model=model, hooks=[WeightAverageHook(ema)])
    assert room._weights(runner) == 4 * (15 + 5 * times) + 8


def test_code_that_cannot_be_compiled_leaves_nothing_and_says_how_to_go_on(
    toy_config, tmp_path, capsys
):
    options = {'default_hooks.switches.compile': {'backend': 'nothing'}}
    message = refused(capsys, toy_config, tmp_path / 'run', options)
    assert message.startswith('error: compile: ')
    assert 'set compile=False' in message
    assert not (tmp_path / 'run').exists()
    options |= {'parallel': 'fsdp2'}  # the hook's own value counts
    assert 'choose one' in refused(capsys, toy_config, tmp_path / 'run', options)


def test_a_first_step_that_fails_leaves_nothing(toy_config, tmp_path, capsys):
    options = {'model.decode_head.in_channels': 4}  # the backbone gives 8
    message = refused(capsys, toy_config, tmp_path / 'run', options)
    assert 'the first step cannot be taken' in message
    assert not (tmp_path / 'run').exists()


def test_a_loader_that_dies_in_the_first_step_is_no_fault_of_it():
    """Torch raises it wherever the main process is, so in any library."""
    future = Future()
    future.set_exception(RuntimeError('DataLoader worker (pid 7) exited unexpectedly'))
    with pytest.raises(RuntimeError) as found:
        future.result()
    error = found.value.with_traceback(found.tb.tb_next)  # not of this file, but of a library
    step = first_step(SimpleNamespace(stepped=False))
    step.__enter__()
    assert not step.__exit__(RuntimeError, error, error.__traceback__)  # the error itself goes on
    assert "a loader's process (7) ended by itself" in lost_worker(error)


def test_a_seed_that_chance_chose_is_recorded(toy_config, tmp_path):
    train(str(toy_config), {**QUICK, 'seed': None}, str(tmp_path / 'run'))
    record = json.loads((tmp_path / 'run/run.json').read_text())
    assert type(record['seed']) is int


def test_a_fault_of_ours_says_what_to_report(toy_config, tmp_path, capsys, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError('broken')

    ours = type(broken)(
        broken.__code__.replace(co_filename=NewestCheckpointsHook.__init__.__code__.co_filename), {}
    )
    with pytest.raises(KeyError):
        run_tool(ours)
    text = capsys.readouterr().err
    assert 'Please report it' in text
    assert 'the command: ' in text
    assert 'torch' in text


def test_what_a_message_quotes_is_text(capsys):
    for quoted in ('a[/red]b', r'a\[/red]b', '[link=x]', 'a\\', '\x1b]0;x\x07'):
        shown = quoted.replace('\x1b', r'\x1b').replace('\x07', r'\x07')
        for work in (partial(say, f'{quoted}: so'), partial(as_refusal_of, quoted)):
            run_tool(work)
            printed = capsys.readouterr()
            assert f'{shown}: so' in printed.out + printed.err


def test_a_folder_in_the_place_of_a_file(tmp_path, capsys):
    (tmp_path / 'report.html').mkdir()
    assert run_tool(partial(write_text_atomically, 'x', tmp_path / 'report.html')) == 2
    assert 'cannot write report.html, it is a folder' in ' '.join(capsys.readouterr().err.split())
    assert [path.name for path in Path(tmp_path).iterdir()] == ['report.html']
