"""Overrides of a plan, and stages that are taken from a plan beside."""

import os

import pytest

from icpc.config.overrides import parse_overrides
from icpc.errors import UserError
from icpc.run_dir.record import FINISHED, RunRecord, write_record
from icpc.weakly.plans.plan_file import load_plan, plan_options
from icpc.weakly.shared_stages import take_stage
from icpc.weakly.stage_records import recorded_stage

_PLAN = """
tags = dict(source='file', path='t.csv')
cam = dict(config='pole/cam_tiny_scenes-128', options=dict(lr=1))
masks = dict(refine='pamr', options=dict(iterations=3), uncertain=0.1)
retrain = dict(config='pole/retrain_tiny_pseudo-scenes-128')
"""


def load(tmp_path, **options):
    path = tmp_path / 'plan.py'
    path.write_text(_PLAN)
    own, rest = plan_options(options)
    assert not rest
    return load_plan(path, own)


def test_what_is_the_plans_and_what_the_configs():
    plans = {'clims.config': 'x', 'clims': None, 'names': {}, 'masks.refine': 'crf'}
    plans |= {'tags.source': 'xml', 'seeds': {'crf': False}, 'names.published': True}
    configs = {'cam.lr': 1, 'tags': 'tags.csv', 'lr': 2, 'clims.model.names': 'voc', 'masks_': 1}
    assert plan_options({**plans, **configs}) == (plans, configs)


def test_overrides_of_a_plan(tmp_path):
    clims = {'clims.config': 'pole/pole_tiny_scenes-128', 'names': {}}
    plan = load(tmp_path, **clims, **{'cam.config': 'pole/cam_rn50_voc-512', 'tags.path': 'u.csv'})
    assert (plan.classifier, plan.names.published, plan.tags.path) == ('clims', False, 'u.csv')
    assert (plan.config_of('cam').stem, plan.cam.options) == ('cam_rn50_voc-512', {'lr': 1})
    assert load(tmp_path, **{'masks.options.iterations': 5}).masks.options == {'iterations': 5}
    # Options of one refinement are not those of another one.
    masks = load(tmp_path, **{'masks.refine': 'crf', 'masks.options.background': 0.3}).masks
    assert (masks.refine, masks.options, masks.uncertain) == ('crf', {'background': 0.3}, 0.1)
    assert load(tmp_path, clims=None).clims is None
    assert load(tmp_path, **parse_overrides(['masks.refine=none'])).masks.refine == 'none'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'masks.refin': 'crf'}, 'masks.refin: Extra inputs'),
        ({'cam.config': 'pole/cam_tny'}, 'cam: .*cam_tny'),
        ({'retrain': None}, 'retrain: '),
        ({'tags.smallest': 0.1}, "smallest is of source='masks' alone"),
        ({'masks.refine': 'irn'}, 'needs a boundary network'),
    ],
)
def test_wrong_overrides_of_a_plan(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        load(tmp_path, **options)


def test_a_stage_is_taken_from_beside_where_it_is_the_same(tmp_path, capsys):
    made = []

    def stage(out, run='r', share=True, **settings):
        def work():
            made.append(out)
            (tmp_path / out / 'masks/maps').mkdir(parents=True, exist_ok=True)
            (tmp_path / out / 'masks/maps/0.npz').write_bytes(b'maps')
            (tmp_path / out / 'masks/note.json').write_text('{}')
            return {'metrics': {'train': {'refined_mIoU': 1.0}}}

        source = RunRecord(run=run, state=FINISHED)
        found = recorded_stage(tmp_path / out / 'masks', source, {'maps': settings}, work, share)
        assert found == {'refined_mIoU': 1.0}

    stage('a', refine='pamr')
    stage('b', refine='crf')
    stage('c', refine='pamr')
    assert made == ['a', 'b']
    assert f'taken from {tmp_path / "a/masks"}' in capsys.readouterr().out
    one, other = (tmp_path / name / 'masks' for name in 'ac')
    assert os.path.samefile(one / 'maps/0.npz', other / 'maps/0.npz')
    assert not os.path.samefile(one / 'note.json', other / 'note.json')  # may be written into
    # Another classifier, other settings, or no wish to share: made.
    stage('d', run='s', refine='pamr')
    stage('e', refine='pamr', share=False)
    assert made == ['a', 'b', 'd', 'e']
    # One that is not finished gives nothing, and what is there is not replaced.
    write_record(one, {'state': 'running'})
    (tmp_path / 'f/masks').mkdir(parents=True)
    take_stage(tmp_path / 'f/masks', lambda folder: True)
    assert not any((tmp_path / 'f/masks').iterdir())
    seen = []
    take_stage(tmp_path / 'g/masks', seen.append)
    assert [path.parent.name for path in seen] == ['b', 'c', 'd', 'e']
