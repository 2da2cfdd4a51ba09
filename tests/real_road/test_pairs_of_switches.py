"""All pairs of switches on the configs of every published dataset, from download to publication."""

import shutil
from dataclasses import replace

import pytest
from pairs import SWITCHES, allowed_pairs, every_value, leaves, pairs_of, table
from story import OWN_SIZE, SMALL, Road, walk

TABLE = table()
ALWAYS = every_value(TABLE)


def _name(row):
    switched = [f'{k}={row[k]}' for k, values in SWITCHES.items() if row[k] != values[0]]
    return ' '.join([row['config'].stem, *switched])


@pytest.mark.parametrize(
    'row',
    [pytest.param(row, marks=() if row in ALWAYS else pytest.mark.slow) for row in TABLE],
    ids=_name,
)
def test_the_whole_road(row, tree, clips, tmp_path):
    made = tree(row['data'])
    walk(road(row, made, clips), made, tmp_path)


def road(row, made, clips):
    return Road(
        row['config'],
        {
            **SMALL,
            **(OWN_SIZE if row['data'] in ('cityscapes', 'camvid') else {}),
            'data_root': made.root,
            'model.clip.model': clips[row['tower']],
            'model.clip.pretrained': 'auto',
            'gpu_batch': SMALL['global_batch'] // row['ranks'] // row['passes'],
            'parallel': row['parallel'],
            'compile': {'backend': 'eager'} if row['compile'] else False,
            'activation_checkpointing': row['recompute'],
            'ema': row['ema'],
            'num_workers': row['workers'],
        },
        amp=row['amp'],
        ranks=row['ranks'],
    )


@pytest.mark.slow
def test_the_published_847_classes(tree, clips, tmp_path):
    made = tree('ade20k-full of 847 classes')
    row = next(row for row in TABLE if row['data'] == 'ade20k-full' and row['method'] == 'icpc')
    plain = {switch: values[0] for switch, values in SWITCHES.items()}
    walk(road({**row, **plain}, made, clips), made, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which('g++') is None, reason='inductor compiles with g++')
@pytest.mark.parametrize('tower', ['rn50', 'vit-b16'])
def test_inductor(tower, tree, clips, tmp_path):
    made = tree('ade20k')
    row = next(row for row in TABLE if (row['data'], row['tower']) == ('ade20k', tower))
    plain = {switch: values[0] for switch, values in SWITCHES.items()}
    compiled = road({**row, **plain}, made, clips)
    walk(replace(compiled, options={**compiled.options, 'compile': True}), made, tmp_path)


def test_the_table_holds_every_pair_and_every_config():
    held = {pair for row in TABLE for pair in pairs_of(row)}
    allowed = allowed_pairs(leaves())
    assert held == allowed
    # 8 switches of 17 values make 126 pairs of different switches less the 4 that are refused.
    assert len({pair for pair in allowed if {pair[0][0], pair[1][0]} <= SWITCHES.keys()}) == 122
    assert {row['config'] for row in TABLE} == {leaf['config'] for leaf in leaves()}
    assert len(leaves()) >= 50


def test_what_always_runs_holds_every_value():
    values = {(factor, value) for factor, known in SWITCHES.items() for value in known}
    assert values <= {item for row in ALWAYS for item in row.items()}
    assert {row['data'] for row in ALWAYS} == {leaf['data'] for leaf in leaves()}
