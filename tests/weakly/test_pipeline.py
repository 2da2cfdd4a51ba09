"""What a plan needs is looked at before anything is trained or written."""

import pytest

from icpc.datasets.scenes.scene_files import write_scenes
from icpc.errors import Requeue, ToldToStop, UserError
from icpc.run_dir.provenance import machine
from icpc.run_dir.record import write_record
from icpc.weakly.pipeline import weakly

_PLAN = """
tags = dict(source={source!r}, path={path!r})
cam = dict(config='pole/cam_tiny_scenes-128')
masks = dict(refine={refine!r})
retrain = dict(config='pole/retrain_tiny_pseudo-scenes-128')
"""


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes')
    list(write_scenes(root, {'training': 2, 'validation': 1, 'test': 1}, size=32))
    (root / 'few.csv').write_text('00000,tree\n')
    (root / 'empty.csv').write_text('00000\n00001\n')
    (root / 'tags.csv').write_text('00000,tree\n00001,tree,house\n')
    (root / 'wrong.csv').write_text('00000,tree\n00001,tre\n')
    return root


@pytest.mark.parametrize(
    ('source', 'path', 'options', 'words'),
    [
        ('masks', 'annotations/trainng', [], 'no such folder of masks'),
        ('file', 'none.csv', [], 'none.csv: no such file of tags'),
        ('file', 'few.csv', [], '1 of 2 pictures have no tags, among them 00001'),
        ('file', 'empty.csv', [], 'no training picture shows one of the classes'),
        ('file', 'wrong.csv', [], "wrong.csv, line 2: 'tre' is no class; did you mean tree"),
        ('masks', 'annotations/training', ['clims.lr=1'], 'has no stage clims'),
        ('masks', 'annotations/training', ['cam.lrr=1'], 'lrr'),
        ('masks', 'annotations/training', ['data_root=nowhere'], 'nowhere'),
    ],
)
def test_what_is_wrong_is_said_before_any_training(root, tmp_path, source, path, options, words):
    def train(*args, **kwargs):
        pytest.fail('it trains')

    plan, out = tmp_path / 'plan.py', tmp_path / 'out'
    plan.write_text(_PLAN.format(source=source, path=path, refine='pamr'))
    with pytest.raises(UserError, match=words):
        weakly(plan, train, out, [f'data_root={root}', *options])
    assert not out.exists()


def test_classes_that_no_picture_shows_are_said(root, tmp_path, capsys):
    def train(*args, **kwargs):
        raise Requeue

    plan = tmp_path / 'plan.py'
    plan.write_text(_PLAN.format(source='file', path='tags.csv', refine='none'))
    with pytest.raises(ToldToStop):
        weakly(plan, train, tmp_path / 'out', [f'data_root={root}'])
    assert 'no training picture shows building, car, ' in capsys.readouterr().out


def test_tags_that_were_made_of_others_are_not_taken(root, tmp_path):
    def train(*args, **kwargs):
        raise Requeue

    plan, given = tmp_path / 'plan.py', [f'data_root={root}']
    plan.write_text(_PLAN.format(source='masks', path='annotations/training', refine='none'))
    for _ in range(2):
        with pytest.raises(ToldToStop):
            weakly(plan, train, tmp_path / 'out', given)
    with pytest.raises(UserError, match='made of tags with smallest=0.0: remove it'):
        weakly(plan, train, tmp_path / 'out', [*given, 'tags.smallest=0.001'])
    (tmp_path / 'out/tags.json').unlink()
    with pytest.raises(ToldToStop):
        weakly(plan, train, tmp_path / 'out', [*given, 'tags.smallest=0.001'])


def test_an_unknown_refinement_is_said_before_any_training(root, tmp_path):
    plan = tmp_path / 'plan.py'
    plan.write_text(_PLAN.format(source='file', path='few.csv', refine='pmr'))
    with pytest.raises(UserError, match='did you mean pamr'):
        weakly(plan, None, tmp_path / 'out', [f'data_root={root}'])


_WALK = "boundary = dict(config='pole/irn_tiny_scenes-128')"


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (_WALK, 'trained for nothing'),
        ("masks = dict(refine='irn')", 'needs a boundary network'),
        (
            _WALK + "\nmasks = dict(refine='irn', options=dict(network='x'))",
            'leave one of them out',
        ),
        (_WALK + "\nmasks = dict(refine='irn', options=dict(radios=4))", 'did you mean radius'),
        ("masks = dict(refine='pamr', options=dict(dilations=['x']))", "refine=pamr with .*'x'"),
        ('seeds = dict(background=0.5)', 'background must not be above foreground'),
        ('names = dict()', 'names are chosen for stage 2 alone'),
        ("names = dict()\nclims = dict(config='pole/clims_tiny_scenes-128')", 'choices'),
        (
            "names = dict()\nclims = dict(config='pole/pole_tiny_scenes-128',"
            " options={'choices': 'mine.json'})",
            'another table',
        ),
        (
            "clims = dict(config='pole/retrain_tiny_pseudo-scenes-128')",
            'gives class activation maps',
        ),
        (
            "retrain = dict(config='pole/retrain_tiny_pseudo-scenes-128',"
            " options={'train_dataloader.dataset.masks': 'scenes'})",
            'retrain would read ids of pseudo masks as other classes',
        ),
        ("retrain = dict(config='icpc/icpc_tiny_fpn_1k_scenes-128')", 'class 0 is .sky. and .back'),
        (
            "retrain = dict(config='pole/retrain_tiny_pseudo-scenes-128',"
            " options={'model.backbone.output_stride': 7})",
            'retrain_tiny_pseudo-scenes-128.py: .*output_stride must be 8',
        ),
        (
            "retrain = dict(config='pole/retrain_tiny_pseudo-scenes-128',"
            " options={'train_dataloader.dataset.data_prefix.img_path': 'images/test'})",
            '1 pictures that retrain trains on would get no mask',
        ),
    ],
)
def test_what_a_later_stage_would_fail_on_is_said_first(root, tmp_path, text, words):
    plan, out = tmp_path / 'plan.py', tmp_path / 'out'
    plan.write_text(_PLAN.format(source='masks', path='annotations/training', refine='none') + text)
    with pytest.raises(UserError, match=words):
        weakly(plan, None, out, [f'data_root={root}'])
    assert not out.exists()


def test_what_a_former_run_took_is_told(root, tmp_path, capsys):
    def train(*args, **kwargs):
        raise Requeue

    plan, former = tmp_path / 'plan.py', tmp_path / 'former' / 'cam'
    plan.write_text(_PLAN.format(source='masks', path='annotations/training', refine='none'))
    former.mkdir(parents=True)
    record = {'state': 'finished', 'config': '/x/cam_tiny_scenes-128.py', 'machine': machine()}
    write_record(former, record | {'steps': 10, 'seconds': 20.0})
    with pytest.raises(ToldToStop):
        weakly(plan, train, tmp_path / 'out', [f'data_root={root}', 'cam.max_iters=100'])
    lines = capsys.readouterr().out.splitlines()
    (line,) = [one for one in lines if one.startswith('│ cam ')]
    assert '100 steps of 16' in line
    assert 'about 3:20 (as former)' in line


def test_a_stage_that_was_told_to_stop_says_how_it_goes_on(root, tmp_path):
    def train(*args, **kwargs):
        raise Requeue

    plan = tmp_path / 'plan.py'
    plan.write_text(_PLAN.format(source='masks', path='annotations/training', refine='none'))
    with pytest.raises(ToldToStop, match='cam: stopped as told.* the same command goes on') as stop:
        weakly(plan, train, tmp_path / 'out', [f'data_root={root}'])
    assert stop.value.exit_code == 75
    assert '--resume' not in str(stop.value)
    assert (tmp_path / 'out/tags.json').is_file()
