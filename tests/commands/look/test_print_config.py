"""Where each value of a config comes from."""

import pytest

from icpc.commands.look.print_config import config_lines
from icpc.errors import UserError

BASE = """crop = 32
width = 8
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[0.0] * 3, std=[1.0] * 3, size=('${crop}', '${crop}')
    ),
    backbone=dict(type='ToyBackbone', width='${width}'),
    decode_head=dict(type='FCNHead', in_channels='${width}', channels=8, num_classes=3),
)
test_cfg = None
seed = 0
randomness = dict(seed='${seed}')
custom_imports = dict(imports=['icpc', 'toy_parts'])
pipe = [dict(type='LoadImageFromFile'), dict(type='RandomFlip', prob=0.5)]
val_dataloader = dict(dataset=dict(type='ToyDataset', pipeline='${pipe}'))
"""
LEAF = """_base_ = ['base.py']
width = 4
model = dict(
    decode_head=dict(channels=16, norm_cfg=dict(type='SyncBN')),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
overrides = {'model.decode_head.num_convs': 1}
"""


@pytest.fixture
def origins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'base.py').write_text(BASE)
    (tmp_path / 'leaf.py').write_text(LEAF)

    def lines(*options, only=None):
        found = (line.partition(' = ') for line in config_lines('leaf.py', options, only))
        return {key: rest for key, _, rest in found}

    return lines


@pytest.mark.parametrize(
    ('key', 'line'),
    [
        ('crop', '32  # base.py:1'),
        ('width', '4  # leaf.py:2'),
        ('model.type', "'EncoderDecoder'  # base.py:4"),
        ('model.backbone.width', '4  # ${width}, base.py:8'),
        ('model.decode_head.channels', '16  # leaf.py:4'),
        ('model.decode_head.num_classes', '3  # base.py:9'),
        ('model.decode_head.num_convs', '1  # overrides of leaf.py, model.decode_head.num_convs'),
        ('model.decode_head.norm_cfg.type', "'BN'  # leaf.py:4, adapted"),
        ('model.data_preprocessor.size', "(32, 32)  # ('${crop}', '${crop}'), base.py:6"),
        ('model.test_cfg.mode', "'whole'  # leaf.py:6"),
        ('pipe.1.prob', '0.5  # base.py:15'),
        ('val_dataloader.dataset.pipeline.1.prob', '0.5  # ${pipe}, base.py:16'),
        ('work_dir', "'work_dirs/leaf'  # computed"),
    ],
)
def test_the_origin_of_a_value(key, line, origins):
    assert origins()[key] == line


def test_overrides_of_the_command_line(origins):
    given = ('crop=64', 'pipe.RandomFlip.prob=0.25', 'model.decode_head.num_convs=2')
    found = origins(*given)
    assert found['crop'] == '64  # --cfg-options crop'
    assert found['model.data_preprocessor.size'].startswith('(64, 64)')
    assert found['pipe.1.prob'] == '0.25  # --cfg-options pipe.RandomFlip.prob'
    assert found['pipe.0.type'].endswith('# base.py:15')
    assert found['model.decode_head.num_convs'].endswith(
        '--cfg-options model.decode_head.num_convs'
    )
    found = origins('pipe.RandomFlip=None')
    assert found['pipe.0.type'] == "'LoadImageFromFile'  # --cfg-options pipe.RandomFlip"


def test_a_part_alone(origins):
    assert set(origins(only='model.backbone')) == {'model.backbone.type', 'model.backbone.width'}
    with pytest.raises(UserError, match='--only model.backbon: .* model.backbone'):
        origins(only='model.backbon')
