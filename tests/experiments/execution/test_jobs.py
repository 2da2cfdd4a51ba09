import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from icpc.experiments.execution import jobs
from icpc.experiments.execution.jobs import Stopped, execute
from icpc.experiments.execution.snapshot import Snapshot
from icpc.experiments.execution.workers import Workers
from icpc.experiments.study.runs import PlannedRun


@pytest.fixture
def make_run(tmp_path):
    def make_run(row, **overrides):
        overrides = {'lr': 0.1, 'seed': 0, **overrides}
        work_dir = tmp_path / 'runs' / row
        return PlannedRun('', row, '0', work_dir, 'code', overrides, 'identity', {})

    return make_run


@pytest.fixture
def snapshot(tools):
    return Snapshot(tools.parent, Path('config.py'))


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(jobs, 'say', lines.append)
    return lines


def quiet(*_):
    pass


def environment(run):
    return json.loads((run.work_dir / 'run.json').read_text())['environment']


def test_a_killed_run_resumes_from_its_checkpoint(make_run, snapshot):
    run = make_run('A', weight_decay=0.1)

    def kill_after_a_checkpoint():
        while not list(run.work_dir.glob('iter_3.pth')):
            time.sleep(0.01)
        children = Path(f'/proc/self/task/{os.getpid()}/children').read_text().split()
        for child in children:
            if str(run.work_dir) in Path(f'/proc/{child}/cmdline').read_text():
                os.kill(int(child), signal.SIGKILL)

    killer = threading.Thread(target=kill_after_a_checkpoint)
    killer.start()
    (ending,) = execute([run], Workers(snapshot), quiet)
    killer.join()
    assert ending.process.returncode == -signal.SIGKILL
    assert execute([run], Workers(snapshot), quiet) == []
    assert 'resumed at' in (run.work_dir / 'output.txt').read_text()
    metrics = json.loads((run.work_dir / 'run.json').read_text())['metrics']
    assert metrics['test']['mIoU'] == pytest.approx(38.5)


def test_a_run_that_saved_itself_at_a_signal_goes_on(make_run, snapshot, said):
    run, ended = make_run('A', val_interval=4), []
    assert execute([run], Workers(snapshot), ended.append) == []
    assert said == ['A / seed 0: stopped by a signal and saved, goes on']
    assert [job.process.returncode for job in ended] == [0]
    assert 'resumed at 4' in (run.work_dir / 'output.txt').read_text()
    metrics = json.loads((run.work_dir / 'run.json').read_text())['metrics']
    assert metrics['test']['mIoU'] == pytest.approx(38.5)


@pytest.mark.parametrize(('damaged', 'words'), [((4,), 'resumed at 3'), ((1, 2, 3, 4), '')])
def test_only_a_run_without_any_whole_checkpoint_starts_anew(
    make_run, snapshot, capsys, damaged, words
):
    run = make_run('A', max_iters=5)
    assert execute([run], Workers(snapshot), quiet)
    for step in damaged:
        (run.work_dir / f'iter_{step}.pth').write_bytes(b'cut')
    again = make_run('A')
    assert execute([again], Workers(snapshot), quiet) == []
    output = (run.work_dir / 'output.txt').read_text()
    assert ('resumed at' in output) == bool(words)
    assert words in output
    said = 'none of its checkpoints can be read, it starts from the beginning'
    assert (said in ' '.join(capsys.readouterr().out.split())) == (not words)


def test_a_run_whose_tool_was_killed_goes_on_and_is_waited_for(make_run, snapshot, said):
    run = make_run('A', weight_decay=0.1)
    arguments = ([run], Workers(snapshot), quiet)
    tool = multiprocessing.get_context('fork').Process(target=execute, args=arguments)
    tool.start()
    while not list(run.work_dir.glob('iter_2.pth')):
        time.sleep(0.01)
    tool.kill()
    tool.join()
    assert execute([run], Workers(snapshot), quiet) == []
    assert said == ['A / seed 0: another process is making it, waiting']
    assert run.finished
    assert (run.work_dir / 'output.txt').read_text().count('$ ') == 1  # started once


def test_jobs_run_at_the_same_time_and_each_has_its_gpu(make_run, snapshot):
    runs = [make_run(name, weight_decay=0.05) for name in 'ABCD']
    workers = Workers(snapshot, jobs=4, gpus=['3', '5'], threads=None)
    assert execute(runs, workers, quiet) == []
    records = [json.loads((run.work_dir / 'run.json').read_text()) for run in runs]
    last_start = max(record['began'] for record in records)
    assert last_start < min(record['began'] + record['seconds'] for record in records)
    assert [environment(run)['CUDA_VISIBLE_DEVICES'] for run in runs] == ['3', '5', '3', '5']


def test_one_thread_each_on_the_cpu(make_run, snapshot):
    run = make_run('A')
    execute([run], Workers(snapshot, threads=1), quiet)
    assert environment(run)['OMP_NUM_THREADS'] == '1'


def test_stopping_stops_the_runs(make_run, snapshot):
    run = make_run('A', weight_decay=30.0)

    def stop_when_it_runs():
        while not (run.work_dir / 'output.txt').is_file():
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_it_runs).start()
    with pytest.raises(Stopped, match='SIGTERM'):
        execute([run], Workers(snapshot), quiet)
    assert not (run.work_dir / 'iter_1.pth').exists()  # it would have come after 30 s
    assert execute([make_run('B')], Workers(snapshot), quiet) == []  # handlers are back


def test_overrides_of_every_kind_arrive_as_they_are(make_run):
    from icpc.config.overrides import parse_overrides

    overrides = {
        'a': None,
        'b.type': 'ScoreMapLoss',
        'c': ['x, y', "it's"],
        'd': {'e': (1, 2.5)},
        'f': '${crop_size}',
        'g': False,
        'h': '3',
    }
    run = make_run('A', **overrides)
    assert parse_overrides(run.options) == {'lr': 0.1, 'seed': 0, **overrides}


def test_a_study_that_is_interrupted_ends_as_shells_expect_it():
    assert [Stopped(name).exit_code for name in ('SIGINT', 'SIGTERM', 'SIGHUP')] == [130, 75, 75]
