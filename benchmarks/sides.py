"""Two ways of doing the same thing, side by side: time in one process, memory in one each."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_RESET_PEAK = '5'  # man 5 proc: writing it to clear_refs sets VmHWM back to the present VmRSS


def interleaved(
    ways: dict[str, Callable[[], object]], rounds: int, warm_up: bool = True
) -> dict[str, float]:
    """Median seconds of each way, one after the other in every round, after one warm-up each."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for run in ways.values() if warm_up else ():
        run()
    for _ in range(rounds):
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            times[way].append(time.perf_counter() - start)
    return {way: statistics.median(seconds) for way, seconds in times.items()}


def peak_extra(run: Callable[[], object]) -> float:
    """MiB by which this process's resident memory rose above its present state while running."""
    Path('/proc/self/clear_refs').write_text(_RESET_PEAK)
    before = _status('VmRSS')
    run()
    return (_status('VmHWM') - before) / 1024


def _status(field: str) -> int:
    """KiB, from the kernel."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f'/proc/self/status has no {field}; memory is measured on Linux only')


def in_own_process(script: str, arguments: Sequence[str]) -> float:
    """Runs ``script --memory-of ARGUMENTS``, whose last line is a JSON number, and returns that."""
    command = [sys.executable, script, '--memory-of', *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)} failed:\n{done.stderr}')
    return float(json.loads(done.stdout.splitlines()[-1]))
