import subprocess
import sys
from pathlib import Path

import pytest

from icpc.errors import UserError
from icpc.experiments import ablate as ablation
from icpc.experiments.ablate import Ablation, ablate
from icpc.experiments.execution import snapshot
from icpc.experiments.execution.request import Request
from icpc.experiments.execution.snapshot import take_snapshot
from icpc.experiments.execution.workers import Workers

CONFIG = Path(__file__).resolve().parents[3] / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py'

_PROMPTER = 'VALUE = {value}\n'


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, 'code_fingerprint', lambda *_: 'code')
    monkeypatch.syspath_prepend(tmp_path / 'mine')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path / 'mine'))
    path = tmp_path / 'mine' / 'my_study_prompter.py'
    path.parent.mkdir()
    path.write_text(_PROMPTER.format(value=1))
    yield path
    sys.modules.pop(path.stem, None)


@pytest.fixture
def request_of(tmp_path, study_file):
    grid = "grid = {'lr': [0.1, 0.2], 'weight_decay': [0.02, 0.03]}"
    own = "'mine': {'custom_imports.imports': ['icpc', 'my_study_prompter'], 'lr': 0.3}"
    text = study_file.read_text().replace(grid, f"rows = {{'plain': {{'lr': 0.1}}, {own}}}")
    text = text.replace("'lr=0.1, weight_decay=0.02'", "'plain'").replace('[0, 1]', '[0]')
    study_file.write_text(text)
    return Request(str(study_file), out=str(tmp_path / 'out'), jobs=2, gpus=[])


def finished(request, tools):
    return {run.row: run.finished for run in Ablation(request, tools).runs}


def test_an_edited_module_makes_its_row_another_run(request_of, tools, module):
    assert ablate(request_of, tools) == []
    assert finished(request_of, tools) == {'plain': True, 'mine': True}
    assert 'versions of the code' not in (module.parents[1] / 'out/table.md').read_text()
    module.write_text(_PROMPTER.format(value=2) + '# more\n')
    assert finished(request_of, tools) == {'plain': True, 'mine': False}


def test_runs_import_the_copy(request_of, tools, module):
    frozen = Ablation(request_of, tools)._freeze()
    module.write_text(_PROMPTER.format(value=2))
    words = [sys.executable, '-c', 'import my_study_prompter as m; print(m.VALUE)']
    env = Workers(frozen).environment(0)
    said = subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout
    assert said == '1\n'


def test_an_edit_while_the_copy_is_made_is_noticed(request_of, tools, module):
    study = Ablation(request_of, tools)
    module.write_text('VALUE = 22\n')
    with pytest.raises(UserError, match='the code changed'):
        study._freeze()


@pytest.mark.parametrize('name', ['tools/train.py', CONFIG.name])
def test_a_module_in_the_place_of_another_file_is_refused(tools, tmp_path, name, monkeypatch):
    mine = tmp_path / 'mine.py'
    mine.write_text('')
    monkeypatch.setattr(snapshot, 'user_files', lambda _: {name: mine})
    with pytest.raises(UserError, match='rename'):
        take_snapshot(CONFIG, tools, tmp_path / 'out')
