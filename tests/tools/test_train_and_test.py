import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def call(tool: str, *args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / 'tools' / tool), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_help_imports_nothing_slow(tool):
    command = [sys.executable, '-X', 'importtime', str(ROOT / 'tools' / tool), '--help']
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert '--cfg-options' in done.stdout
    imported = {line.split('|')[-1].strip() for line in done.stderr.splitlines()}
    assert 'argparse' in imported
    assert not imported & {'torch', 'numpy', 'mmengine', 'open_clip'}


def test_a_users_error_is_one_line_without_a_traceback():
    done = call('train.py', 'configs/nothing.py')
    assert done.returncode == 2
    assert done.stderr == 'error: configs/nothing.py: no such config file\n'
    assert done.stdout == ''
