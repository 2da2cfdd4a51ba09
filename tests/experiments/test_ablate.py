import csv
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from icpc.errors import UserError
from icpc.experiments import ablate as ablation
from icpc.experiments.ablate import Ablation, Request, ablate
from icpc.experiments.execution.jobs import Stopped

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = REPOSITORY / 'configs/icpc/icpc_tiny_fpn_1k_scenes-128.py'
TOOLS = REPOSITORY / 'tools'


@pytest.fixture(autouse=True)
def _code_that_nobody_edits(monkeypatch):
    monkeypatch.setattr(ablation, 'code_fingerprint', lambda *_: 'code')


def table_of(out: Path) -> list[list[str]]:
    """The table without the columns of time and memory."""
    with (out / 'table.csv').open() as file:
        return [row[:-2] for row in csv.reader(file)]


def expected_value(lr: float, seed: int) -> float:
    return sum(lr * step**2 + seed * 0.1 for step in range(1, 11))


def test_the_table_by_hand(tmp_path, tools, study_file):
    out = tmp_path / 'out'
    assert ablate(Request(str(study_file), out=str(out), jobs=4, gpus=[]), tools) == []
    head, *rows = table_of(out)
    by_name = {(row[1], row[2]): dict(zip(head, row, strict=True)) for row in rows}
    assert len(by_name) == 8
    row = by_name['lr=0.2, weight_decay=0.02', 'mIoU']
    values = [expected_value(0.2, seed) for seed in (0, 1)]
    assert float(row['mean']) == pytest.approx(sum(values) / 2)
    assert float(row['difference']) == pytest.approx(38.5)  # 0.1 x (1 + 4 + ... + 100)
    assert row['pairs'] == '2'
    markdown = (out / 'table.md').read_text()
    assert (
        '| lr=0.2, weight_decay=0.02 | 2/2 | 77.50 | 0.71 | [71.15, 83.85] | +38.50 |' in markdown
    )
    assert r'lr=0.2, weight\_decay=0.02 & 2/2 & 77.50' in (out / 'table.tex').read_text()
    index = json.loads((out / 'study.json').read_text())
    assert all((out / run['work_dir'] / 'run.json').is_file() for run in index['runs'])


def test_a_second_call_makes_nothing(tmp_path, tools, study_file, capsys):
    request = Request(str(study_file), out=str(tmp_path / 'out'), jobs=4, gpus=[])
    ablate(request, tools)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('run.json')}
    capsys.readouterr()
    ablate(request, tools)
    assert 'all runs are finished' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('run.json')} == before
    assert len(before) == 8


def test_a_failure_is_named_and_the_others_go_on(tmp_path, tools, study_file, capsys):
    text = study_file.read_text().replace(
        "'lr': [0.1, 0.2]", "'a': {'lr=0.1': {'lr': 0.1}, 'bad': {'lr': 9.0, 'max_iters': 3}}"
    )
    study_file.write_text(text)
    out = tmp_path / 'out'
    failed = ablate(Request(str(study_file), out=str(out), jobs=4, gpus=[]), tools)
    assert failed
    assert all(name.startswith('bad') for name in failed)
    assert len(failed) == 4
    printed = capsys.readouterr().out
    assert 'out of luck' in printed
    assert printed.index('4 run(s) FAILED') < printed.index('4 of 8 runs are missing')
    means = {row[1]: row[4] for row in table_of(out)[1:] if row[2] == 'mIoU'}
    assert float(means['lr=0.1, weight_decay=0.03']) == pytest.approx(
        (expected_value(0.1, 0) + expected_value(0.1, 1)) / 2
    )
    assert means['bad, weight_decay=0.03'] == 'nan'


def test_dry_run_knows_the_cost_of_what_was_measured(tmp_path, tools, study_file, capsys):
    steps = "regimes = {'long': {'max_iters': 600}, 'short': {'max_iters': 300}}\n"
    few = study_file.read_text().replace('seeds = [0, 1]', 'seeds = [0]')
    study_file.write_text(few + steps)
    request = Request(str(study_file), out=str(tmp_path / 'out'), jobs=1, gpus=[], only=0)
    ablate(request, tools, dry_run=True)
    printed = ' '.join(capsys.readouterr().out.split())
    # 4 x 600 + 4 x 300 steps of 8 pictures.
    work = '8 of 8 runs to make (3,600 steps, 28,800 pictures)'
    assert f'{work}, 1 at a time: an unknown time' in printed
    assert '│ 0 │ long / lr=0.1, weight_decay=0.02 / seed 0 │ 600 │ to do │' in printed
    assert not (tmp_path / 'out').exists()
    ablate(request, tools)
    record = next((tmp_path / 'out').rglob('run.json'))
    record.write_text(json.dumps({**json.loads(record.read_text()), 'seconds': 100.0}))
    capsys.readouterr()
    ablate(request, tools, dry_run=True)
    # 3 long ones of 100 s and 4 short ones of 50 s.
    assert '1 at a time: about 8:20' in ' '.join(capsys.readouterr().out.split())


def test_a_metric_that_no_run_has_is_refused(tmp_path, tools, study_file):
    study_file.write_text(study_file.read_text().replace("'score_mIoU'", "'scoremIoU'"))
    request = Request(str(study_file), out=str(tmp_path / 'out'), jobs=4, gpus=[])
    with pytest.raises(UserError, match='did you mean score_mIoU'):
        ablate(request, tools)


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """Commands in Slurm's place: srun shows its words and ends with $CODE, scontrol its words."""
    for name, end in (('srun', 'exit "$CODE"'), ('scontrol', 'exit 0')):
        path = tmp_path / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" {name} "$@"\n{end}\n')
        path.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv('SLURM_ARRAY_JOB_ID', '17')
    monkeypatch.setenv('SLURM_ARRAY_TASK_ID', '2')
    return tmp_path


def run_task(out: Path, code: int) -> subprocess.CompletedProcess:
    """One task of the array, whose run ends with a code."""
    environment = {**os.environ, 'CODE': str(code)}
    command = ['bash', out / 'slurm.sh']
    return subprocess.run(command, capture_output=True, text=True, cwd='/', env=environment)


def test_a_task_of_the_slurm_array_makes_its_run(
    tmp_path, tools, study_file, capsys, monkeypatch, slurm
):
    (tools / 'ablate.py').write_text('')
    monkeypatch.setattr('torch.cuda.device_count', lambda: 0)  # as on a login node
    out = tmp_path / 'out'
    request = Request(str(study_file), out=str(out), jobs=3, threads=2, any_code=True)
    ablate(request, tools, slurm=True)
    printed = capsys.readouterr().out
    assert f'sbatch {out}/slurm.sh' in printed
    assert 'The tasks take no GPU' in printed
    assert '--any-code --table' in ' '.join(printed.split())
    script = (out / 'slurm.sh').read_text()
    assert '#SBATCH --array=0-7%3\n' in script
    assert '#SBATCH --cpus-per-task=2\n' in script
    assert 'gpus-per-task' not in script
    (snapshot,) = (out / 'code').iterdir()
    (copy,) = snapshot.glob('studies/*/small.py')
    words = [
        *('srun', 'env', f'PYTHONPATH={snapshot}', sys.executable, f'{snapshot}/tools/ablate.py'),
        *(str(copy), '--out', str(out), '--threads', '2', '--any-code', '--only', '2'),
    ]
    for code in (0, 1):
        task = run_task(out, code)
        assert (task.stdout.splitlines(), task.returncode) == (words, code), task.stderr
    stopped = run_task(out, 75)
    assert stopped.stdout.splitlines() == [*words, 'scontrol', 'requeue', '17_2']


def test_the_tasks_do_not_see_what_is_edited_after_sbatch(tmp_path, tools, study_file):
    base = tmp_path / 'base.py'
    base.write_text(f'_base_ = {str(CONFIG)!r}\n')
    more = "regimes = {'few': {'train_images': 1}}\nmetrics = {'sky': dict(classes=['sky'])}\n"
    study_file.write_text(study_file.read_text().replace(str(CONFIG), str(base)) + more)
    ablation = Ablation(Request(str(study_file), out=str(tmp_path / 'out'), gpus=[]), tools)
    _, command = ablation.write_slurm()
    copy = Path(next(word for word in command if word.endswith(study_file.name)))
    base.write_text(f'_base_ = {str(CONFIG)!r}\nlr = 3e-4\n')
    study_file.write_text(study_file.read_text().replace('seeds = [0, 1]', 'seeds = [7]'))
    edited, task = (
        Ablation(Request(str(path), out=str(tmp_path / 'out'), gpus=[]), tools)
        for path in (study_file, copy)
    )
    assert [vars(run) for run in task.runs] == [vars(run) for run in ablation.runs]
    assert edited.runs[0].identity != ablation.runs[0].identity
    assert vars(task.study) == {**vars(ablation.study), 'base': task.study.base}
    assert task.study.base.parent == copy.parents[2]


def test_a_tool_that_was_told_to_stop_ends_as_one_that_goes_on(monkeypatch, capsys):
    def stop(*_, **__):
        raise Stopped('SIGTERM')

    monkeypatch.setattr(ablation, 'ablate', stop)
    monkeypatch.setattr(sys, 'argv', ['ablate.py', 'study.py', '--only', '0'])
    assert runpy.run_path(str(TOOLS / 'ablate.py'))['main']() == 75
    assert 'SIGTERM: stopped; the same command goes on' in capsys.readouterr().out


@pytest.mark.parametrize('numbers', [{'jobs': 0}, {'jobs': -1}, {'threads': 0}])
def test_numbers_that_make_no_run_are_refused(study_file, tools, numbers):
    ((name, value),) = numbers.items()
    with pytest.raises(UserError, match=f'--{name} {value}: expected 1 or more'):
        ablate(Request(str(study_file), **numbers), tools, dry_run=True)


@pytest.mark.parametrize(
    ('asked', 'message'),
    [
        ({'only': 8}, '--only 8: the runs are 0 to 7'),
        ({'only': -1}, '--only -1: the runs are 0 to 7'),
        ({'baseline': 'lr=0.1, decay=0.02'}, 'no row .*; did you mean lr=0.1, weight_decay=0.02'),
        ({'gpus': ['2', '4']}, '--gpus 2,4: there is no 4, this machine has GPU 2, 3'),
        ({'gpus': ['GPU-1', 'a']}, '--gpus GPU-1,a: there is no a'),
    ],
)
@pytest.mark.parametrize('dry_run', [True, False])
def test_what_names_nothing_is_refused_before_the_first_run(
    study_file, tools, asked, message, dry_run, monkeypatch
):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '2,3')
    with pytest.raises(UserError, match=message):
        ablate(Request(str(study_file), **asked), tools, dry_run)
    assert Ablation(Request(str(study_file)), tools).gpus == ['2', '3']


def test_a_baseline_is_handed_on_to_the_tasks_and_not_into_the_study(tmp_path, tools, study_file):
    other = 'lr=0.2, weight_decay=0.03'
    request = Request(str(study_file), out=str(tmp_path / 'out'), gpus=[], baseline=other)
    ablation = Ablation(request, tools)
    assert (ablation.compared.baseline, ablation.study.baseline) == (
        other,
        'lr=0.1, weight_decay=0.02',
    )
    assert ablation.write_slurm()[1][-2:] == ['--baseline', other]


def test_slurm_tasks_with_gpus_and_without_a_limit(tmp_path, tools, study_file):
    request = Request(str(study_file), out=str(tmp_path / 'out'), gpus=['0'])
    (tools / 'ablate.py').write_text('')
    ablate(request, tools, slurm=True)
    script = (tmp_path / 'out' / 'slurm.sh').read_text()
    assert '#SBATCH --array=0-7\n' in script
    assert '#SBATCH --gpus-per-task=1\n' in script
