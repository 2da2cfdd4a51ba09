import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def call(tool: str, *args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / 'tools' / tool), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_help_comes_in_under_a_second(tool):
    start = time.perf_counter()
    done = call(tool, '--help')
    assert time.perf_counter() - start < 1
    assert done.returncode == 0
    assert '--cfg-options' in done.stdout


def test_a_users_error_is_one_line_without_a_traceback():
    done = call('train.py', 'configs/nothing.py')
    assert done.returncode == 2
    assert done.stderr == 'error: configs/nothing.py: no such config file\n'
    assert done.stdout == ''
