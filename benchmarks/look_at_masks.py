"""Time the look at all masks of a data set before a training, the first and the second time.

Some distinct pairs are made up and stand under many names (hard links), so that all files are in
memory: a cold disk adds its own time. Masks have regions of 20 classes, as ADE20K's have.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mmseg.registry import DATASETS
from mmseg.utils import register_all_modules
from PIL import Image

from icpc.datasets.checks.whole_look import look_at_pairs

_DISTINCT = 100
_FOLDERS = dict(img_path='images/training', seg_map_path='annotations/training')


def write_pairs(root: Path, count: int, size: tuple[int, int]) -> None:
    """Pictures and masks in ADE20K's layout, `_DISTINCT` of them under `count` names.

    Args:
        root: A folder.
        count: Names.
        size: Height and width.
    """
    rng = np.random.default_rng(0)
    for folder in _FOLDERS.values():
        (root / folder).mkdir(parents=True)
    for index in range(count):
        paths = [
            root / folder / f'{index:06d}.{kind}'
            for folder, kind in zip(_FOLDERS.values(), ('jpg', 'png'), strict=True)
        ]
        if index >= _DISTINCT:
            for path in paths:
                os.link(path.with_stem(f'{index % _DISTINCT:06d}'), path)
            continue
        coarse = rng.normal(size=(20, 12, 16)).astype(np.float32)
        regions = np.stack(
            [cv2.resize(one, size[::-1], interpolation=cv2.INTER_CUBIC) for one in coarse]
        )
        ids = rng.choice(150, 20, replace=False)[regions.argmax(0)] + 1
        noise = rng.integers(0, 60, (*size, 3))
        picture = (regions[:3].transpose(1, 2, 0) * 40 + 100 + noise).clip(0, 255)
        Image.fromarray(picture.astype(np.uint8)).save(paths[0], quality=90)
        Image.fromarray(ids.astype(np.uint8)).save(paths[1])


def main() -> None:
    """Print both times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--pairs', type=int, default=20_000)
    parser.add_argument('--size', type=int, nargs=2, default=(512, 683), help='height and width')
    args = parser.parse_args()
    register_all_modules(init_default_scope=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pairs(root, args.pairs, tuple(args.size))
        for which in ('first', 'second'):
            dataset = DATASETS.build(
                dict(
                    type='ADE20KDataset',
                    data_root=folder,
                    data_prefix=_FOLDERS,
                    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
                )
            )
            start = time.perf_counter()
            looks = look_at_pairs(dataset)
            took = time.perf_counter() - start
            assert all(look.fits and not look.problem for look in looks)
            print(f'{which} look at {len(looks)} pairs of {args.size}: {took:.1f} s')


if __name__ == '__main__':
    main()
