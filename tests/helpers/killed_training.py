"""Trains in forked children and kills them; a script of its own, whose children are no one else's.

`python killed_training.py CONFIG FOLDER OPTIONS` where OPTIONS are the trainings' as JSON.
"""

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from icpc.commands.train import train
from icpc.console.messages import console
from icpc.errors import UserError
from icpc.run_dir import starts

CONFIG, OPTIONS = sys.argv[1], json.loads(sys.argv[3])
ROOT = Path(sys.argv[2])
KILLS = 20
SMALL = 60_000  # bytes, less than a checkpoint and more than the log


def fork(folder: Path, work: Callable[[], int]) -> int:
    """Work in a child that ends with its result, its output in a file; returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with (ROOT / f'{folder.name}.txt').open('a') as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        console.cache_clear()
        code = work()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def start(folder: Path, file_limit: int | None = None) -> int:
    """Train in a child; returns its process id."""

    def work() -> int:
        if file_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        try:
            train(CONFIG, dict(OPTIONS), str(folder), resume=True)
        except UserError as error:
            print(f'UserError: {error}')
            return 2
        return 0

    return fork(folder, work)


def finish(child: int) -> int:
    """Wait for a child; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def step_of(folder: Path) -> int:
    pointer = folder / 'last_checkpoint'
    return int(pointer.read_text()[5:-4]) if pointer.exists() else 0


def kill_after(folder: Path, steps: int, seconds: float) -> int:
    """Kill a child some steps, then some seconds or a step, after its start; the step on disk."""
    first, child = step_of(folder), start(folder)
    while step_of(folder) < first + steps:
        if os.waitpid(child, os.WNOHANG)[0]:
            raise RuntimeError(f'{folder}: ended by itself at step {step_of(folder)}')
        time.sleep(0.001)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and step_of(folder) <= first + steps:
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    finish(child)
    return step_of(folder)


def kill_often(folder: Path) -> list[int]:
    """At random moments, in steps and between them, while loading too; then let it end."""
    rng = random.Random(0)
    at = [
        kill_after(folder, rng.choice((0, 1, 1, 2)), rng.uniform(0, 0.04 + 0.4 * (turn % 5 == 0)))
        for turn in range(KILLS)
    ]
    return [*at, finish(start(folder))]


def fill_the_disk(folder: Path) -> dict:
    """Killed, then without room, then with the newest checkpoint cut in half."""
    kill_after(folder, 5, 0.0)
    before = {path.name: path.read_bytes() for path in folder.glob('iter_*.pth')}
    full = finish(start(folder, SMALL))
    after = {path.name: path.read_bytes() for path in folder.glob('iter_*.pth')}
    left = [path.name for path in folder.glob('.*.tmp')]
    newest = folder / (folder / 'last_checkpoint').read_text()
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    (folder / f'.{newest.name}.1.tmp').write_bytes(b'left by a killed process')
    end = finish(start(folder))
    stale = [path.name for path in folder.glob('.*.tmp')]
    return dict(
        full=full, untouched=before == after, left=left, end=end, cut=newest.name, stale=stale
    )


if __name__ == '__main__':
    torch.set_num_threads(1)
    for name in ('code_fingerprint', 'git_state', 'versions', 'machine'):
        setattr(starts, name, lambda *_: None)  # half of the time of a start
    whole = finish(start(ROOT / 'whole'))
    result = dict(
        whole=whole, killed=kill_often(ROOT / 'killed'), full=fill_the_disk(ROOT / 'full')
    )
    print(json.dumps(result))
