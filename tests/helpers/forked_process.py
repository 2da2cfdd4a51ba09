"""A stand-in for `subprocess.Popen` that forks instead of starting Python anew."""

import gc
import os
import runpy
import signal
import sys
import traceback
from functools import cache
from typing import IO

import torch
from mmengine.utils.dl_utils import collect_env

from icpc.run_dir.fingerprints import code_fingerprint


class ForkedProcess:
    """Runs `python script.py ...` in a fork of this process, which has imported everything.

    A real training of toy parts then takes half a second instead of five. As with Popen, open
    files such as locks are inherited, and the process leads a session of its own.
    """

    def __init__(self, command: list[str], stdout: IO[str], env: dict[str, str], **_: object):
        _warm_up()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_run(command[1:], stdout, env))

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int | None:
        return self._reap(0)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@cache
def _warm_up() -> None:
    """What each run would import (matplotlib, setuptools) or work out on its way: two seconds."""
    from matplotlib import pyplot  # noqa: F401

    collect_env()
    code_fingerprint()


def _run(arguments: list[str], stdout: IO[str], env: dict[str, str]) -> int:
    gc.freeze()  # datasets collect garbage when built; what was imported is none
    # A fork's pool of threads is made anew by who asks first, and two at once (this thread and
    # autograd's) end the process: "Invalid thread pool!".
    torch.set_num_threads(torch.get_num_threads())
    os.setsid()
    os.dup2(stdout.fileno(), 1)
    os.dup2(stdout.fileno(), 2)
    # pytest's own streams are not this process's.
    sys.stdout, sys.stderr = os.fdopen(1, 'w', closefd=False), os.fdopen(2, 'w', closefd=False)
    os.environ.update(env)
    sys.path[:0] = filter(None, env.get('PYTHONPATH', '').split(os.pathsep))
    sys.argv = arguments
    try:
        runpy.run_path(arguments[0], run_name='__main__')
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
