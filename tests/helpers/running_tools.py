"""A tool on one rank or several, each a fork of a process that has imported everything."""

import multiprocessing
import os
import socket
import sys
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from forked_process import ForkedProcess
from known_configs import read_once
from unformatted import keep_layout
from yapf.yapflib import yapf_api

from icpc.commands import evaluate, train  # noqa: F401  (before forks)
from icpc.ranks import fsdp  # noqa: F401

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def run_tool(
    tool: str,
    *words: str,
    log: Path,
    ranks: int = 1,
    limit: float = 120.0,
    environment: dict[str, str] | None = None,
) -> str:
    """What rank 0 printed; every rank must end well.

    Args:
        tool: Such as train.py, or the path of a script that ranks run.
        words: Of its command line, without `--launcher`.
        log: A new folder for what each rank prints.
        ranks: Processes; with one there is no launcher.
        limit: Seconds after which the ranks are killed: a rank may wait for another for ever.
        environment: Variables that the command line sets, such as PYTHONPATH.
    """
    log.mkdir(parents=True)
    common, command = dict(environment or {}), [sys.executable, str(TOOLS / tool), *words]
    if ranks > 1:
        common |= dict(WORLD_SIZE=str(ranks), MASTER_ADDR='127.0.0.1', MASTER_PORT=_free_port())
        command += ['--launcher', 'pytorch']
    logs = [log / f'{rank}.txt' for rank in range(ranks)]
    places = [
        dict(RANK=str(rank), LOCAL_RANK=str(rank)) if ranks > 1 else {} for rank in range(ranks)
    ]
    environments = [{**common, **place} for place in places]
    _FORKS.send((os.getcwd(), command, environments, logs, limit))
    codes = _FORKS.recv()
    printed = [path.read_text() for path in logs]
    assert codes == [0] * ranks, f'exit codes {codes} (-9: killed here)\n' + '\n'.join(printed)
    return printed[0]


def _start_forking() -> Connection:
    """A process that has imported everything and computed nothing yet: autograd dislikes forks."""
    ours, theirs = multiprocessing.Pipe()
    if os.fork() == 0:
        ours.close()
        _serve(theirs)
    theirs.close()
    return ours


def _serve(requests: Connection) -> NoReturn:
    yapf_api.FormatCode = keep_layout
    try:
        with read_once():
            while True:
                folder, *request = requests.recv()
                os.chdir(folder)
                requests.send(_run(*request))
    except EOFError:  # the tests are over
        os._exit(0)
    finally:
        os._exit(1)


def _run(
    command: list[str], environments: list[dict[str, str]], logs: list[Path], limit: float
) -> list[int | None]:
    with ExitStack() as files:
        processes = [
            ForkedProcess(command, files.enter_context(path.open('w')), environment)
            for environment, path in zip(environments, logs, strict=True)
        ]
        return _codes(processes, time.monotonic() + limit)


def _codes(processes: list[ForkedProcess], deadline: float) -> list[int | None]:
    """Exit codes; when one fails, or at the deadline, those that run still are killed."""
    while None in (codes := [process.poll() for process in processes]):
        if any(codes) or time.monotonic() > deadline:
            for process, code in zip(processes, codes, strict=True):
                if code is None:
                    process.kill()
                    process.wait()
        time.sleep(0.01)
    return codes


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


_FORKS = _start_forking()  # while tests are collected, before any has run
