"""What a rehearsal found, in lines."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import torch
from mmengine.config import Config
from mmengine.dist import all_reduce, get_world_size

from ..console.messages import say
from ..console.numbers import clock
from ..memory.host import available_memory, peak_memory
from .watch import RehearsalHook

_GIB, _MIB = 2**30, 2**20


@dataclass
class Measured:
    """What a rehearsal measured and found; times and memory are the largest of all ranks.

    Attributes:
        pictures: Split -> number of its pictures.
        loading: Seconds for the pictures of one step.
        step: Seconds of one optimiser step, None if there was none.
        picture: Seconds of one evaluated picture, None if there was none.
        saving: Seconds of one checkpoint.
        checkpoint: Bytes of one, 0 if there was none.
        host: Peak memory of a process in bytes.
        device: Peak memory of a GPU in bytes, 0 without.
        problems: What would stop the run.
        notes: What is odd but stops nothing.
        left_out: Parts that were not rehearsed because one before them failed.
    """

    pictures: dict[str, int] = field(default_factory=dict)
    loading: float = 0.0
    step: float | None = None
    picture: float | None = None
    saving: float = 0.0
    checkpoint: int = 0
    host: int = 0
    device: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def take(self, watch: RehearsalHook) -> None:
        """Take over what a hook has timed; all ranks call it."""
        gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        # The first step of a process pays for what is set up once.
        step = min(watch.steps[1:] or watch.steps, default=0.0)
        picture = median(watch.pictures.values()) if watch.pictures else 0.0
        own = [step, picture, watch.saving, self.loading, peak_memory(), gpu]
        values = torch.tensor(own, dtype=torch.float64)
        all_reduce(values, 'max')
        step, picture, self.saving, self.loading, host, device = values.tolist()
        self.step, self.picture = step or None, picture or None
        self.host, self.device = int(host), int(device)


def print_report(cfg: Config, measured: Measured, home: Path) -> None:
    """Print the numbers, then what was found.

    Args:
        cfg: The finished config of the real run.
        measured: By all ranks; a disk that is too small is added to its problems.
        home: Where the run would write.
    """
    _check_disk(cfg, measured, home)
    say(f'memory: {_memory(measured)}')
    if measured.step is not None:
        say(f'step: {_step(cfg, measured)}')
    if measured.step is not None and measured.picture is not None:
        say(f'time: {_time(cfg, measured)}')
    for part in measured.left_out:
        say(f'not rehearsed: {part}')
    for note in measured.notes:
        say(f'note: {note}')
    for problem in measured.problems:
        say(f'problem: {problem}')
    if not measured.problems:
        say('the run will reach its end, as far as can be known')


def _check_disk(cfg: Config, measured: Measured, home: Path) -> None:
    """Checkpoints that are kept, and one more while the newest is written."""
    if not measured.checkpoint:
        return
    hook = cfg.default_hooks.get('checkpoint') or {}
    count = hook.get('keep', 2) + 1
    parent = next(folder for folder in (home, *home.absolute().parents) if folder.is_dir())
    free, needed = shutil.disk_usage(parent).free, count * measured.checkpoint
    say(f'disk: {count} checkpoints of {_size(measured.checkpoint)} at once, {_size(free)} free')
    if needed > free:
        measured.problems.append(
            f'{parent}: the disk will be full: {count} checkpoints at once take {_size(needed)}, '
            f'{_size(free)} are free; make room, or set --work-dir to another disk'
        )


def _memory(measured: Measured) -> str:
    left = available_memory()
    host = f'{_size(measured.host)} a process' + (f', {_size(left)} left' if left else '')
    if not measured.device:
        return host
    total = torch.cuda.get_device_properties(0).total_memory
    return f'{_size(measured.device)} of {_size(total)} on the GPU; host {host}'


def _step(cfg: Config, measured: Measured) -> str:
    workers = cfg.train_dataloader.get('num_workers', 0)
    text = f'{measured.step:.2f} s, its pictures {measured.loading:.2f} s with {workers} workers'
    if not workers:
        return f'{text}: one after the other; num_workers=4 would load beside the training'
    if measured.loading <= measured.step:
        return f'{text}: they keep up'
    return f'{text}: training waits for them; raise num_workers, or store smaller pictures'


def _time(cfg: Config, measured: Measured) -> str:
    """Of the whole run, from steps, validations, the test and checkpoints."""
    steps, interval = cfg.train_cfg.max_iters, cfg.train_cfg.get('val_interval', 1000)
    workers = cfg.train_dataloader.get('num_workers', 0)
    both = (measured.step, measured.loading)
    training = steps * (max(both) if workers else sum(both))
    one = {
        name: measured.pictures.get(name, 0) * measured.picture / get_world_size()
        for name in ('val', 'test')
    }
    due = {*range(interval, steps + 1, interval), steps}
    begin = cfg.train_cfg.get('val_begin', 1)
    validations = len([step for step in due if step >= begin]) if 'val' in measured.pictures else 0
    saved = steps // max(1, (cfg.default_hooks.get('checkpoint') or {}).get('interval', steps)) + 1
    total = training + validations * one['val'] + one['test'] + saved * measured.saving
    parts = [f'{steps} steps {clock(training)}']
    if validations:
        parts.append(f'{validations} validations {clock(one["val"])} each')
    if one['test']:
        parts.append(f'the test {clock(one["test"])}')
    return f'about {clock(total)} for the whole run: {", ".join(parts)}'


def _size(number: float) -> str:
    return f'{number / _GIB:.1f} GiB' if number >= _GIB / 10 else f'{number / _MIB:.1f} MiB'
