"""`icpc browse`: the pictures that a run would see, augmented, with their labels."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmseg.utils import register_all_modules
from PIL import Image

from ...config.load import load_config
from ...console.messages import say
from ...datasets.checks.verification import check_data
from ...errors import UserError, refusing
from ...evaluation.pictures import class_names, palette_of, save_overlay
from ...training.data_order import PositionSampler
from ...training.runner import SafeRunner


def browse(
    config: str,
    options: Sequence[str] = (),
    number: int = 16,
    out: str | None = None,
    split: str = 'train',
    step: int = 0,
) -> Path:
    """Write what a run's loader gives, beside the same picture with its labels drawn over it.

    Training pictures are those of the run itself: the same order, crops and colours, since both
    follow from its seed and their place among the run's pictures.

    Args:
        config: The path or the name of a config.
        options: Overrides, as `--cfg-options`.
        number: Pictures, from the first of the step on.
        out: The folder; by default `work_dirs/<config name>_browse`.
        split: `train`, `val` or `test`.
        step: The step of the training to begin with, counted from 0.

    Returns:
        The folder.

    Raises:
        UserError: For a split that the config lacks, data that are missing, or a number below 1.
    """
    for option, given, least in (('--number', number, 1), ('--step', step, 0)):
        if given < least:
            raise UserError(f'{option} must be at least {least}, got {given}')
    if split != 'train' and step:
        raise UserError(f'--step {step}: only the training has steps; leave it out')
    register_all_modules(init_default_scope=True)
    cfg, key = load_config(config, options), f'{split}_dataloader'
    if cfg.get(key) is None:
        raise UserError(f'--split {split}: the config has no {key}')
    check_data(cfg, (key,))
    folder = Path(out or f'work_dirs/{Path(config).stem}_browse')
    with refusing(key):
        plain = dict(num_workers=0, persistent_workers=False)
        loader = SafeRunner.build_dataloader({**cfg[key], **plain, 'prefetch_factor': None})
    dataset = loader.dataset
    names, palette = class_names(dataset), palette_of(dataset)
    for place, item in islice(_items(cfg, loader, step), number):
        sample = dataset[item]
        image, labels = _drawable(sample)
        source = sample['data_samples'].metainfo.get('img_path') or f'picture {item}'
        path = folder / f'{split}_{place}_{Path(source).stem}.png'
        save_overlay(path, image, labels, names, palette)
        say(f'{path.name}: {source}, {image.shape[0]} x {image.shape[1]}')
    return folder


def _items(cfg: Config, loader: Any, step: int) -> Iterator[tuple[str, Any]]:
    """What the loader asks the dataset for, with its place in words."""
    if not isinstance(loader.sampler, PositionSampler):
        if step:
            raise UserError('--step: the sampler of this config knows no steps; leave it out')
        yield from ((f'{index:06d}', index) for index in loader.sampler)
        return
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is None:
        say('the config leaves the seed to chance: what is shown is seed 0')
    batch = cfg.train_dataloader.batch_size * cfg.train_cfg.get('accumulation', 1)
    share = cfg.get('global_batch') or batch
    loader.sampler.begin(step, share, seed or 0)
    for sample in loader.sampler:
        at, slot = divmod(sample.position, share)
        yield f'step{at:06d}_{slot:03d}', sample


def _drawable(sample: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 RGB and (H, W) ids, which are resized where only the picture was."""
    image = sample['inputs'].numpy().transpose(1, 2, 0)[..., ::-1]
    image = np.ascontiguousarray(image.round().clip(0, 255).astype(np.uint8))
    labels = sample['data_samples'].gt_sem_seg.data[0].numpy()
    if labels.shape != image.shape[:2]:
        size = image.shape[1::-1]
        picture = Image.fromarray(labels.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
        labels = np.asarray(picture)
    return image, labels
