"""A data set config of MMSegmentation's own kind trains as it does there."""

import json

from icpc.commands.train import train

CONFIG = """
_base_ = ['{base}']
stock = dict(
    type='BaseSegDataset',
    data_root='{root}',
    metainfo=dict(classes=('red', 'green', 'blue'), palette=[[9, 0, 0], [0, 9, 0], [0, 0, 9]]),
    reduce_zero_label=True,
    img_suffix='.png',
    seg_map_suffix='.png',
)
steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', reduce_zero_label=True)]
pack = dict(type='PackSegInputs')
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        ann_file='{listed}',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=[*steps, dict(type='RandomFlip', prob=0.5), pack],
        **stock,
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        pipeline=[*steps, pack],
        **stock,
    )
)
del stock, steps, pack
"""


def test_data_root_ann_file_metainfo_and_reduce_zero_label(toy_config, tmp_path):
    root = toy_config.parent / 'data'
    listed = tmp_path / 'lists of mine' / 'train.txt'  # outside of the data
    listed.parent.mkdir()
    listed.write_text(''.join(f'{index:03d}\n' for index in range(6)))
    config = tmp_path / 'stock.py'
    config.write_text(CONFIG.format(base=toy_config, root=root, listed=listed))
    options = {'default_hooks.panel': None, 'max_iters': 2, 'val_interval': 2}
    given = train(str(config), options, str(tmp_path / 'run'))
    plain = train(str(toy_config), options, str(tmp_path / 'plain'))
    assert given.keys() == plain.keys()
    assert json.loads((tmp_path / 'run/run.json').read_text())['state'] == 'finished'
