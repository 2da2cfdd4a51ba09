"""Changed configs, overrides, records and checkpoints: the right result, or one message and exit 2.

Each case has a number, from which its change follows: a failure names it, and `case(number, ...)`
of its kind makes it again.
"""

import io
import json
import random
import shutil
import signal
import time
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import mutations
import pytest
import torch
from mmengine.hooks import Hook
from toy_run import write_config

from icpc.commands.evaluate import evaluate
from icpc.commands.tool import run_tool
from icpc.commands.train import run, train
from icpc.config.load import load_config
from icpc.config.overrides import parse_overrides
from icpc.errors import ToldToStop
from icpc.experiments.publish import publish
from icpc.experiments.report.page import write_report
from icpc.experiments.reproduce.verdict import compare, same_but_seed
from icpc.experiments.study.runs import Run
from icpc.experiments.tables.costs import read_costs
from icpc.training.preemption import StopSignals

SLOW_SECONDS, LIMIT = 100, 60  # of each kind; of one case
QUICK = {'max_iters': 2, 'val_interval': 1, 'default_hooks.panel': None}
# What the user's own parts raise is found in a run, and so is a loss that is not finite.
LATE = ('--debug shows', 'not finite', 'no gradient', 'no loss depends', 'icpc_fuzz_late')


class Enough(ToldToStop):
    """The first step is done: nothing was wrong."""

    exit_code = 0


class StopHook(Hook):
    """Ends a run after its first step."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        raise Enough


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def outcome(work) -> tuple[int, str]:
    """Exit code and message of a tool's work; what is no `UserError` is raised.

    It is given as a `partial`: a function of this file would count as the user's own code.
    """

    def too_long(*_):
        raise AssertionError(f'more than {LIMIT} s')

    err, out, former = io.StringIO(), io.StringIO(), signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    try:
        with redirect_stderr(err), redirect_stdout(out):
            return run_tool(work), err.getvalue()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def check(code: int, message: str) -> None:
    assert code in (0, 2)
    assert ('error: ' in message) == (code == 2)
    assert message.count('error: ') <= 2
    assert 'Traceback' not in message
    assert len(message) < 4500


@pytest.fixture(scope='module')
def toy(tmp_path_factory) -> Path:
    return write_config(tmp_path_factory.mktemp('toy'), low=0)


@pytest.fixture(scope='module')
def finished(toy, tmp_path_factory) -> Path:
    """Two runs that differ in their seed."""
    folder = tmp_path_factory.mktemp('runs')
    for seed in (0, 1):
        train(str(toy), {**QUICK, 'seed': seed}, str(folder / f'run{seed}'))
    return folder


def start(config: Path, folder: Path, overrides: dict) -> None:
    """A start that ends after one step; a refused one leaves nothing."""
    work = partial(
        run, str(config), overrides, str(folder / 'run'), False, 'none', StopSignals(), None
    )
    code, message = outcome(partial(work, hooks=(StopHook(),)))
    check(code, message)
    late = any(words in message for words in LATE)
    assert code == 0 or late or not (folder / 'run').exists(), message


def config_case(rng, toy, finished, folder):
    path = folder / 'toy.py'
    path.write_bytes(mutations.mutate_text(toy.read_text(), rng))
    start(path, folder, QUICK)


def override_case(rng, toy, finished, folder):
    tree = load_config(toy).to_dict()
    paths = ['.'.join(map(str, path)) for path in mutations.leaves(tree)]
    given = {rng.choice(paths): mutations.wrong(rng) for _ in range(rng.choice((1, 1, 2)))}
    if rng.random() < 0.3:
        words = [f'{key}={value!r}' for key, value in given.items()]
        code, message = outcome(partial(parse_overrides, words))
        check(code, message)
        if code == 2:
            return
        given = parse_overrides(words)
    start(toy, folder, {**QUICK, **given})


RECORDS = ('run.json', 'resolved_config.json', 'metrics.jsonl', 'confusion.npz', 'last_checkpoint')


def record_case(rng, toy, finished, folder):
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    name = rng.choice(RECORDS)
    path = folder / 'run0' / name
    if name.endswith('.json') and rng.random() < 0.7:
        path.write_text(json.dumps(mutations.mutate_tree(json.loads(path.read_text()), rng)))
    elif name.endswith('.jsonl') and rng.random() < 0.7:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines = mutations.mutate_tree(lines, rng)
        path.write_text('\n'.join(json.dumps(line) for line in lines) + '\n')
    else:
        path.write_bytes(mutations.mutate_bytes(path.read_bytes(), rng))
    runs = [folder / 'run0', folder / 'run1']
    code, message = outcome(partial(write_report, runs, folder / 'report.html'))
    check(code, message)
    assert code == 0, message
    assert (folder / 'report.html').is_file()
    code, message = outcome(partial(same_but_seed, runs[1]))
    assert code == 0, message
    check(*outcome(partial(compare, *runs, runs)))
    check(*outcome(partial(read_costs, [Run('', 'a', '0', run, '') for run in runs], 1)))
    check(*outcome(partial(publish, runs[0], folder / 'published')))
    before = files(folder / 'run0')
    code, message = outcome(partial(train, str(toy), {**QUICK, 'seed': 0}, str(runs[0]), True))
    check(code, message)
    assert code == 0 or files(folder / 'run0') == before, message
    assert code == 0 or name in ('last_checkpoint', 'resolved_config.json', 'run.json'), message


def checkpoint_case(rng, toy, finished, folder):
    shutil.copytree(finished / 'run0', folder / 'run0')
    path = folder / 'run0' / 'iter_2.pth'
    if rng.random() < 0.5:
        path.write_bytes(mutations.mutate_bytes(path.read_bytes(), rng))
    else:
        torch.save(mutations.mutate_tree(torch.load(path, weights_only=True), rng), path)
    check(*outcome(partial(publish, path, folder / 'published')))
    check(*outcome(partial(evaluate, str(toy), str(path), QUICK, str(folder / 'test'))))
    before = files(folder / 'run0')
    options = {**QUICK, 'seed': 0, **rng.choice(({}, {'max_iters': 3}))}
    code, message = outcome(partial(train, str(toy), options, str(folder / 'run0'), True))
    check(code, message)
    assert code == 0 or files(folder / 'run0') == before, message
    start(toy, folder / 'new', {**QUICK, 'load_from': str(path)})


# And how many of each are tried in the quick tests: the same ones on every machine.
KINDS = {config_case: 30, override_case: 30, record_case: 6, checkpoint_case: 6}


def case(kind, number: int, toy: Path, finished: Path, folder: Path) -> None:
    """Make one case; what is wrong with it is raised with its name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        kind(random.Random(f'{kind.__name__} {number}'), toy, finished, folder)
    except Exception as error:
        raise AssertionError(f'{kind.__name__} {number}: {error}') from error


def cases(kind, first: int, seconds: float, *places: Path) -> int:
    """As many cases as fit into the time; returns their number."""
    end, number = time.monotonic() + seconds, first
    while time.monotonic() < end:
        case(kind, number, *places)
        number += 1
    return number - first


@pytest.mark.parametrize('kind', KINDS)
def test_one_message_or_the_right_result(kind, toy, finished, tmp_path):
    for number in range(KINDS[kind]):
        case(kind, number, toy, finished, tmp_path / 'case')


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_one_message_or_the_right_result_for_long(kind, toy, finished, tmp_path):
    assert cases(kind, 10_000, SLOW_SECONDS, toy, finished, tmp_path / 'case') > 50
