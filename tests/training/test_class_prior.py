"""The prior of interim maps is counted once, from the labels that training may see."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS
from PIL import Image
from toy_parts import CLASSES
from toy_run import write_data

from icpc.commands.train import train
from icpc.config.load import load_config
from icpc.datasets.checks.class_counts import class_counts
from icpc.errors import UserError

PMSS = Path(__file__).resolve().parents[2] / 'configs/pmss/pmss_tiny_fpn_1k_scenes-128.py'


def counted(root: Path, names: list[str] | None = None) -> np.ndarray:
    """Pixels of ids 1..3; 0 is unlabelled."""
    paths = sorted((root / 'annotations/training').iterdir())
    masks = [np.asarray(Image.open(path)) for path in paths if names is None or path.name in names]
    return np.bincount(np.concatenate(masks).ravel(), minlength=4)[1:]


def test_counts_of_all_masks_and_of_a_sample(toy_config):
    dataset = DATASETS.build(load_config(toy_config).train_dataloader.dataset)
    root = Path(load_config(toy_config).data_root)
    assert class_counts(dataset).tolist() == counted(root).tolist()
    some = counted(root, ['000.png', '003.png', '007.png']).tolist()
    assert class_counts(dataset, sample=3).tolist() == some
    dataset.pipeline.transforms = dataset.pipeline.transforms[:1]
    with pytest.raises(UserError, match='LoadAnnotations'):
        class_counts(dataset)


@pytest.mark.parametrize('held_out', [None, CLASSES[1]])
def test_a_run_begins_with_the_prior_and_a_resumed_one_keeps_it(
    held_out, tiny_resnet_cfg, tmp_path, capsys
):
    (tmp_path / 'open_clip_config.json').write_text(json.dumps({'model_cfg': tiny_resnet_cfg}))
    root = write_data(tmp_path / 'data', low=0)
    options = {
        'dataset_type': 'ToyDataset',
        'data_root': str(root),
        'model.clip.model': str(tmp_path),
        'model.clip.pretrained': None,
        'held_out_classes': [held_out] if held_out else None,
        'crop_size': 32,
        'global_batch': 2,
        'gpu_batch': 2,
        'max_iters': 2,
        'val_interval': 1,
        'num_workers': 0,
        'default_hooks.panel': None,
    }
    work_dir = tmp_path / 'run'
    with torch.random.fork_rng():
        train(str(PMSS), options, str(work_dir))
    pixels = counted(root)
    if held_out:
        pixels[1] = 1
    expected = [math.log(count / pixels.sum()) for count in pixels]
    state = torch.load(work_dir / 'iter_2.pth', weights_only=False)['state_dict']
    assert state['backbone.prior'].tolist() == pytest.approx(expected, rel=1e-5)
    assert capsys.readouterr().out.count('class prior from the training set') == 1
    (work_dir / 'iter_2.pth').unlink()
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_1.pth'))
    with torch.random.fork_rng():
        train(str(PMSS), options, str(work_dir), resume=True)
    assert 'class prior' not in capsys.readouterr().out
    again = torch.load(work_dir / 'iter_2.pth', weights_only=False)['state_dict']
    assert all(torch.equal(value, again[name]) for name, value in state.items())
