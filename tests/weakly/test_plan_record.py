"""What a plan gave is a record that reports read, seed by seed."""

import pytest

from icpc.experiments.report.collection import collect
from icpc.experiments.study.wanted_metrics import read_results
from icpc.run_dir.record import FINISHED, write_record
from icpc.weakly.pipeline import conclude
from icpc.weakly.plans.plan_file import load_plan
from icpc.weakly.plans.plan_record import record_plan

_PLAN = """
tags = dict(source='file', path='t.csv')
cam = dict(config='pole/cam_tiny_scenes-128')
masks = dict(refine='{refine}')
retrain = dict(config='pole/retrain_tiny_pseudo-scenes-128')
"""


def made(tmp_path, name, refine, seed, scored=True, more=''):
    """The records of all stages of a plan, and of the plan."""
    out, plan = tmp_path / name, tmp_path / f'{name}.py'
    plan.write_text(_PLAN.format(refine=refine) + more)
    cam = {'val': {'cam_mIoU': 50.0 + seed}} if scored else {}
    refined = {'threshold': 0.3, **({'refined_mIoU': 60.0 + seed} if scored else {})}
    stages = {
        'cam': {'steps': 5, 'metrics': cam},
        'masks': {'metrics': {'train': refined}},
        'retrain': {'steps': 7, 'seed': seed, 'metrics': {'test': {'mIoU': 70.0 + seed}}},
    }
    for stage, record in stages.items():
        (out / stage).mkdir(parents=True)
        prints = {'code': 'x', 'weights': 'y', 'data': {'train': 'z'}}
        known = {'state': FINISHED, 'seconds': 2.0, 'fingerprints': prints, 'segments': []}
        write_record(out / stage, {**known, **record})
    known = load_plan(plan)
    if known.clims is not None:
        (out / 'clims').mkdir()
        write_record(out / 'clims', {'state': FINISHED, 'metrics': cam, 'steps': 1})
    choices = str(out / 'names/choices.json')
    given = {'clims': {'choices': choices, 'seed': seed}} if known.names else {}
    given |= {'cam': {'lr': 1, 'seed': seed}, 'retrain': {'pseudo_masks': str(out), 'seed': seed}}
    found = conclude(known, out)
    record_plan(known, out, given, found)
    return out, found


@pytest.mark.parametrize('more', ['', "names, clims = {}, {'config': 'pole/pole_tiny_scenes-128'}"])
def test_seeds_of_one_plan_are_a_row(tmp_path, more):
    folders = [
        made(tmp_path, name, refine, seed, more=more)[0]
        for name, refine, seed in (('a', 'pamr', 0), ('b', 'pamr', 1), ('c', 'none', 0))
    ]
    found = collect(folders)
    assert [(run.row, run.seed) for run in found.runs] == [('a', '0'), ('a', '1'), ('c', '0')]
    results = read_results(found.study, found.runs).values
    assert {name: [*values.values()] for name, values in results.items()} == {
        'retrained_mIoU': [70.0, 71.0, 70.0],
        'cam_mIoU (training pictures)': [50.0, 51.0, 50.0],
        'refined_mIoU (training pictures)': [60.0, 61.0, 60.0],
    }


@pytest.mark.parametrize('scored', [True, False])
def test_the_last_lines_are_what_was_measured(tmp_path, capsys, scored):
    _, found = made(tmp_path, 'a', 'none', 0, scored)
    lines = [f'{key}: {value:.2f}' for key, value in found.items()]
    assert capsys.readouterr().out.splitlines()[-len(lines) :] == lines
    measured = [50, 60] if scored else []
    assert [*found.values()] == [*measured, 70]
