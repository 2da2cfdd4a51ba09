"""`icpc COMMAND`: which there are, how they are asked for, and what they import."""

import subprocess
import sys
from pathlib import Path

import pytest

from icpc.cli.main import COMMANDS, main, module_of

ROOT = Path(__file__).resolve().parents[2]


def test_every_module_is_a_command():
    shared = {'__init__', '__main__', 'main', 'arguments', 'streams'}
    modules = {path.stem for path in (ROOT / 'icpc/cli').glob('*.py')} - shared
    assert modules == {command.replace('-', '_') for command in COMMANDS}
    script = '[project.scripts]\nicpc = "icpc.cli.main:main"\n'
    assert script in (ROOT / 'pyproject.toml').read_text()


@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_tells_its_arguments(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, '--help'])
    told = capsys.readouterr().out
    assert end.value.code == 0
    assert told.startswith(f'usage: icpc {command} ')
    assert '--debug' in told


@pytest.mark.parametrize('words', [[], ['--help'], ['-h']])
def test_the_overview_has_a_line_for_each(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    told = capsys.readouterr().out
    assert end.value.code == 0
    for command in COMMANDS:
        assert f'  {command} ' in told
        assert module_of(command).HELP in told


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['tran', 'x.py'], "icpc has no command 'tran'; did you mean train?"),
        (['verify_data'], 'did you mean verify-data?'),
        (['zzz'], '`icpc --help` lists them'),
    ],
)
def test_an_unknown_command_is_refused(words, message, capsys):
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ''
    assert message in printed.err


def test_help_imports_nothing_slow():
    for words in (['--help'], ['train', '--help'], ['configs']):
        command = [sys.executable, '-X', 'importtime', '-m', 'icpc.cli', *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0
        imported = {line.split('|')[-1].strip() for line in done.stderr.splitlines()}
        assert 'argparse' in imported
        assert not imported & {'torch', 'numpy', 'cv2', 'mmengine', 'open_clip', 'rich'}


def test_configs_are_listed(capsys):
    assert main(['configs', 'ICPC*voc']) == 0
    head, row = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ['config', 'method', 'backbone', 'steps', 'dataset', 'crop']
    assert row == ['icpc/icpc_rn50_fpn_80k_voc-512', 'icpc', 'rn50', '80k', 'voc', '512']
    assert main(['configs', 'icpc*voc', '--where']) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    assert main(['configs', 'pascl']) == 2
    assert 'no packaged config has' in capsys.readouterr().err


def test_every_config_and_study_is_listed_with_all_its_cells(capsys):
    assert main(['configs']) == 0
    configs, studies = capsys.readouterr().out.split('\n\n')
    rows = [line.split() for line in configs.splitlines()]
    assert len(rows) > 50
    assert {len(row) for row in rows} == {6}
    assert all(len(line.split(None, 1)) == 2 for line in studies.splitlines())
