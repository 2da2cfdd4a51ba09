"""tools/prepare_data.py scenes: writes once, refuses a foreign folder, answers --help at once."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from tool_calls import call_tool

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'prepare_data.py'
SMALL = ['--train', '3', '--validation', '1', '--test', '2', '--size', '48']


def _run(*arguments: str) -> SimpleNamespace:
    return call_tool(TOOL, 'scenes', *arguments)


def test_writes_then_finds_its_work_done(tmp_path: Path) -> None:
    first = _run('--out', str(tmp_path), *SMALL)
    assert first.returncode == 0, first.stderr
    pictures = sorted((tmp_path / 'images').rglob('*.png'))
    assert len(pictures) == 6
    before = [path.stat().st_mtime_ns for path in pictures]
    second = _run('--out', str(tmp_path), *SMALL)
    assert second.returncode == 0
    assert 'already holds' in second.stdout
    assert [path.stat().st_mtime_ns for path in pictures] == before


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'images').mkdir()
    result = _run('--out', str(tmp_path), *SMALL)
    assert result.returncode == 2
    assert 'Traceback' not in result.stderr
    assert 'choose another --out' in result.stderr


def test_help_loads_no_framework() -> None:
    result = _run('--help')
    assert result.returncode == 0
    assert '--train' in result.stdout
    code = 'import sys; sys.path.insert(0, "tools"); import prepare_data; '
    code += 'print("torch" in sys.modules)'
    loaded = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert loaded.stdout.strip() == 'False'
