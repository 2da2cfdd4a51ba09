"""A tool on one rank or several, each a fork of this process, which has imported everything."""

import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from forked_process import ForkedProcess

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def run_tool(tool: str, *words: str, log: Path, ranks: int = 1, limit: float = 120.0) -> str:
    """What rank 0 printed; every rank must end well.

    Args:
        tool: Such as train.py.
        words: Of its command line, without `--launcher`.
        log: A new folder for what each rank prints.
        ranks: Processes; with one there is no launcher.
        limit: Seconds after which the ranks are killed: a rank may wait for another for ever.
    """
    log.mkdir(parents=True)
    common, command = {}, [sys.executable, str(TOOLS / tool), *words]
    if ranks > 1:
        common = dict(WORLD_SIZE=str(ranks), MASTER_ADDR='127.0.0.1', MASTER_PORT=_free_port())
        command += ['--launcher', 'pytorch']
    with ExitStack() as files:
        processes = []
        for rank in range(ranks):
            file = files.enter_context((log / f'{rank}.txt').open('w'))
            place = dict(RANK=str(rank), LOCAL_RANK=str(rank)) if ranks > 1 else {}
            processes.append(ForkedProcess(command, file, common | place))
        codes = _codes(processes, time.monotonic() + limit)
    printed = [(log / f'{rank}.txt').read_text() for rank in range(ranks)]
    assert codes == [0] * ranks, f'exit codes {codes} (-9: killed here)\n' + '\n'.join(printed)
    return printed[0]


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
