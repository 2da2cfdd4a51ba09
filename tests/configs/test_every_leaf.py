"""Every leaf config is short, resolves, and takes one step and predicts with a tiny CLIP."""

from pathlib import Path

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from icpc.config.load import load_config

FOLDER = Path(__file__).parents[2] / 'configs'
METHODS = ('icpc', 'denseclip', 'pmss', 'coop', 'baseline')
LEAVES = sorted(path for method in METHODS for path in (FOLDER / method).glob('*_80k_*.py'))
BACKBONES = {'rn50': 512, 'rn101': 512, 'vit-b16': 640}
DATASETS = {'ade20k': 150, 'coco-stuff10k': 171, 'ade20k-full': 847}
NAMES = {'ade20k-full': 847, 'folder': 300}


def test_the_grid_is_complete():
    expected = {
        f'{method}_{backbone}_fpn_80k_{dataset}-{crop}.py'
        for method in METHODS
        for backbone, crop in BACKBONES.items()
        for dataset in DATASETS
    }
    assert expected <= {path.name for path in LEAVES}
    assert len(expected) == 45


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_leaf(path, tmp_path, tiny_resnet_cfg, tiny_vit_cfg):
    assert len(path.read_text().splitlines()) <= 30
    backbone, dataset = path.stem.split('_')[1], path.stem.split('80k_')[1].rpartition('-')[0]
    options = {}
    if dataset in NAMES:
        names = tmp_path / 'names.txt'
        names.write_text(''.join(f'thing {i}\n' for i in range(NAMES[dataset])))
        options['classes'] = str(names)
    config = load_config(path, options)
    assert config.crop_size == int(path.stem.rpartition('-')[2])
    assert len(config.model.class_names) == DATASETS.get(dataset, len(config.model.class_names))
    ignored = 65535 if dataset in NAMES else 255
    assert config.model.decode_head.ignore_index == ignored
    assert config.model.data_preprocessor.seg_pad_val == ignored
    assert config.val_evaluator.ignore_index == ignored
    assert config.model.decode_head.type == 'SemanticFPNHead'
    # With a tiny CLIP the 101 layers' model is the 50 layers'.
    twin = backbone == 'rn101' and path.with_name(path.name.replace('rn101', 'rn50'))
    if twin and without_tower(load_config(twin, options).model) == without_tower(config.model):
        return
    takes_a_step(config, tiny_vit_cfg if 'vit' in backbone else tiny_resnet_cfg, ignored)


def without_tower(model) -> dict:
    return {key: value for key, value in model.items() if key != 'clip'}


def takes_a_step(config, clip: dict, ignored: int) -> None:
    config.model.clip = dict(model=clip, pretrained=None)
    config.model.neck.out_channels = config.model.decode_head.channels = 8
    config.model.test_cfg.update(crop_size=(64, 64), stride=(42, 42))
    config.model.data_preprocessor = None
    model = revert_sync_batchnorm(MODELS.build(config.model)).train()
    classes = len(config.model.class_names)
    labels = torch.randint(0, classes, (2, 1, 64, 64))
    labels[:, :, :9] = ignored
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
    loss, parts = model.parse_losses(model.loss(torch.randn(2, 3, 64, 64), samples))
    loss.backward()
    assert torch.isfinite(loss)
    assert set(config.model.get('losses', {})) <= {name.removeprefix('loss_') for name in parts}
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    assert all(torch.isfinite(grad).all() for grad in grads)
    (sample,) = model.eval().predict(torch.randn(1, 3, 64, 96), None)
    assert sample.pred_sem_seg.data.shape == (1, 64, 96)
    assert sample.pred_sem_seg.data.max() < classes
