"""tools/pretrain_clip.py from the command line: files, README and the exit code of its gates."""

from pathlib import Path
from types import SimpleNamespace

import open_clip
from tool_calls import call_tool

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'pretrain_clip.py'


def _run(*arguments: str) -> SimpleNamespace:
    return call_tool(TOOL, *arguments)


def test_two_steps_fail_the_gates_and_say_so(tmp_path: Path) -> None:
    arguments = ['--steps', '2', '--batch', '32', '--pictures', '150', '--scenes', '10']
    result = _run(*arguments, '--out', str(tmp_path))
    assert result.returncode == 1, result.stderr
    assert 'gate failed: zero-shot mIoU' in result.stderr
    assert 'all gates hold' not in result.stdout
    readme = (tmp_path / 'README.md').read_text()
    assert f'python tools/pretrain_clip.py {" ".join(arguments)}' in readme
    assert 'class-presence AUC' in readme
    assert open_clip.create_model(f'local-dir:{tmp_path}').context_length == 32


def test_a_folder_without_a_clip_is_one_message(tmp_path: Path) -> None:
    result = _run('--evaluate', str(tmp_path / 'nothing'), '--scenes', '4')
    assert result.returncode == 2
    assert 'Traceback' not in result.stderr


def test_impossible_numbers_are_refused() -> None:
    result = _run('--batch', '100', '--pictures', '50')
    assert result.returncode == 2
    assert '--pictures must be at least --batch' in result.stderr
