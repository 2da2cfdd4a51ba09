"""Trains in forked children and stops them by signals at random moments; arguments as of killed."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import torch
from killed_training import CONFIG, OPTIONS, ROOT, finish, fork

from icpc.commands.tool import run_tool
from icpc.commands.train import train
from icpc.run_dir import starts

STOPS = int(sys.argv[4])


def start(folder: Path) -> int:
    """Train in a child as the tool does; returns its process id."""
    work = partial(train, CONFIG, dict(OPTIONS), str(folder), resume=True)
    return fork(folder, partial(run_tool, work))


def stop_often(folder: Path, number: int, rng: random.Random) -> dict[str, int]:
    """How often a child ended with which code; at last one is left alone."""
    codes = Counter()
    for _ in range(STOPS):
        record = folder / 'run.json'
        former = record.stat().st_mtime_ns if record.exists() else None
        child = start(folder)
        if rng.random() < 0.75:  # after the start, which writes the record
            while not record.exists() or record.stat().st_mtime_ns == former:
                time.sleep(0.001)
        time.sleep(rng.uniform(0.0, rng.choice((0.3, 3.0))))
        os.kill(child, number)
        begun = time.monotonic()
        codes[str(finish(child))] += 1
        assert time.monotonic() - begun < 20
    codes[f'last {finish(start(folder))}'] += 1
    return dict(codes)


if __name__ == '__main__':
    torch.set_num_threads(1)
    for name in ('code_fingerprint', 'git_state', 'versions', 'machine'):
        setattr(starts, name, lambda *_: None)  # half of the time of a start
    found = {'whole': finish(start(ROOT / 'whole'))}
    for name in ('SIGINT', 'SIGTERM', 'SIGHUP'):
        number = signal.Signals[name]
        found[name] = stop_often(ROOT / name, number, random.Random(int(number)))
    print(json.dumps(found))
