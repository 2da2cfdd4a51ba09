"""Test-time augmentation scales the size at which a data set is tested."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

from icpc.config.load import load_config

FOLDER = Path(__file__).parents[2] / 'configs'
DATASETS = {path.stem for path in (FOLDER / '_base_/datasets').glob('*.py')}
LEAVES = {
    'ade20k': 'icpc_rn50_fpn_80k_ade20k-512',
    'ade20k_full': 'icpc_rn50_fpn_80k_ade20k-full-512',
    'camvid': 'icpc_rn50_fpn_80k_camvid-352',
    'cityscapes': 'icpc_rn50_fpn_80k_cityscapes-768',
    'coco_stuff10k': 'icpc_rn50_fpn_80k_coco-stuff10k-512',
    'coco_stuff164k': 'icpc_rn50_fpn_80k_coco-stuff164k-512',
    'folder': 'icpc_rn50_fpn_80k_folder-512',
    'pascal_context59': 'icpc_rn50_fpn_80k_pascal-context59-512',
    'scenes': 'icpc_tiny_fpn_1k_scenes-128',
    'voc': 'icpc_rn50_fpn_80k_voc-512',
}
SMALL_PICTURES = {'camvid': [0.75, 1.0, 1.25, 1.5], 'scenes': [1.0, 1.25, 1.5]}


def size_after(step: dict | None, size: tuple[int, int]) -> np.ndarray:
    if step is None:
        return np.array(size)
    image = np.zeros((*size, 3), np.uint8)
    return np.array(TRANSFORMS.build(step)({'img': image, 'img_shape': size})['img'].shape[:2])


def test_every_data_set_is_looked_at():
    """Those of weak supervision take another's pipelines, or average CAMs over their own views."""
    assert set(LEAVES) == {name for name in DATASETS if not name.startswith(('pseudo_', 'tagged'))}


@pytest.mark.parametrize('name', sorted(LEAVES))
@pytest.mark.parametrize('size', [(256, 512), (375, 500), (300, 200)])
def test_views_are_multiples_of_the_size_that_is_tested(name, size):
    config = load_config(
        FOLDER / f'icpc/{LEAVES[name]}.py',
        {'classes': ['a', 'b']} if name in ('ade20k_full', 'folder') else {},
    )
    plain = [step for step in config.test_pipeline if step['type'] == 'Resize']
    views, flips, load, _ = config.tta_pipeline[1]['transforms']
    tested = size_after(plain[0] if plain else None, size)
    factors = SMALL_PICTURES.get(name, [0.5, 0.75, 1.0, 1.25, 1.5, 1.75])
    assert len(views) == len(factors)
    for view, factor in zip(views, factors, strict=True):
        assert np.abs(size_after(view, size) - factor * tested).max() <= 1
    assert [flip['prob'] for flip in flips] == [0.0, 1.0]
    loads = [step for step in config.test_pipeline if 'Annotations' in step['type']]
    assert load == loads
    assert config.test_dataloader.dataset.pipeline == config.test_pipeline
