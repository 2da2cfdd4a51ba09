"""Output that nobody takes, or that a terminal cannot show, ends no tool."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from icpc.cli.main import COMMANDS, module_of

# All that a script in tools/ holds; icpc/cli has the rest.
_SCRIPT = """import sys

from icpc.cli.main import script

main = script('{}')

if __name__ == '__main__':
    sys.exit(main())
"""
ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted((ROOT / 'tools').glob('*.py'))
# What a tool does, in short: it prints much to both, then does the rest of its work.
_PRINT = """
import sys
from icpc.cli.streams import keep_working
keep_working()
from rich.console import Console
for _ in range(3000):
    print('ä' * 50, flush=True)
Console().print('ä', '─', [1, 2])
print('ä' * 50, file=sys.stderr, flush=True)
sys.stdout.isatty(), sys.stdout.encoding
open(sys.argv[1], 'w').write('done')
"""
_WHERE = {
    'head': '| head -n 1; exit ${PIPESTATUS[0]}',
    'full': '> /dev/full',
    'error full': '> /dev/full 2> /dev/full',
    'closed': '>&-',
    'error closed': '2>&-',
    'all closed': '<&- >&- 2>&-',
    'ascii': '> out.txt 2> err.txt',
}


def shell(command, where, folder, **environment):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / 'tools', ROOT / 'tests/helpers')))
    return subprocess.run(
        ['bash', '-c', f'{shlex.join(map(str, command))} {_WHERE[where]}'],
        env=dict(os.environ, PYTHONPATH=paths, OMP_NUM_THREADS='1', **environment),
        capture_output=True,
        cwd=folder,
        timeout=120,
    )


@pytest.mark.parametrize('where', _WHERE)
def test_the_work_is_done_wherever_its_output_goes(tmp_path, where):
    command = [sys.executable, '-c', _PRINT, tmp_path / 'result']
    plain = dict(PYTHONIOENCODING='ascii', LC_ALL='C') if where == 'ascii' else {}
    done = shell(command, where, tmp_path, **plain)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'result').read_text() == 'done'
    assert b'Traceback' not in done.stderr
    assert b'Exception' not in done.stderr
    if where == 'ascii':
        assert (tmp_path / 'out.txt').read_text().startswith(r'\xe4' * 50)
        assert (tmp_path / 'err.txt').read_text() == r'\xe4' * 50 + '\n'


def test_a_closed_stream_s_number_is_given_to_no_file(tmp_path):
    code = 'from icpc.cli.streams import keep_working; keep_working(); import sys; '
    code += "sys.exit(open('result', 'w').fileno() < 3)"
    assert shell([sys.executable, '-c', code], 'all closed', tmp_path).returncode == 0


def test_every_tool_works_so():
    assert len(TOOLS) > 10
    for path in TOOLS:
        command = path.stem.replace('_', '-')
        assert command in COMMANDS
        _, _, script = path.read_text().partition('"""\n\n')
        assert script == _SCRIPT.format(command), path
    for command in COMMANDS:
        text = Path(module_of(command).__file__).read_text()
        assert '    with quiet():\n' in text or command == 'configs'


@pytest.mark.parametrize('where', ['head', 'full', 'closed'])
def test_help_too(tmp_path, where):
    done = shell([sys.executable, ROOT / 'tools/prepare_data.py', '--help'], where, tmp_path)
    assert done.returncode == 0
    assert done.stderr == b''


def test_ctrl_c_during_the_start_is_no_traceback(capsys):
    from icpc.cli import arguments

    with pytest.raises(SystemExit) as end, arguments.quiet():
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.slow
@pytest.mark.parametrize('where', _WHERE)
def test_a_training_reaches_its_end(toy_config, tmp_path, where):
    command = [sys.executable, ROOT / 'tools/train.py', toy_config, '--work-dir', tmp_path / 'run']
    command += ['--cfg-options', 'max_iters=3', 'num_workers=1', 'default_hooks.panel=None']
    plain = dict(PYTHONIOENCODING='ascii', LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')
    done = shell(command, where, tmp_path, **(plain if where == 'ascii' else {}))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / 'run/run.json').read_text())['state'] == 'finished'
    assert 'Traceback' not in done.stderr.decode()
    if where == 'ascii':
        assert (tmp_path / 'err.txt').read_text() == ''
