"""Fit the colour x position lookup table, choose it on validation, print its mIoU on a split."""

import argparse
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Print the IoU of each class and the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, default=Path('data/scenes'))
    parser.add_argument('--split', default='test', help='split to report (default: test)')
    parser.add_argument('--train-images', type=int, help='fit on the first n only (default: all)')
    arguments = parser.parse_args(argv)
    if arguments.train_images is not None and arguments.train_images < 1:
        parser.error(f'--train-images must be at least 1, got {arguments.train_images}')

    import numpy as np

    from icpc.commands.colour_position import choose_settings, evaluate_table, read_split
    from icpc.datasets.scenes.scene_classes import CLASSES

    try:
        splits = [
            read_split(arguments.data_root, split)
            for split in ('training', 'validation', arguments.split)
        ]
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    pictures, labels = splits[0]
    if (arguments.train_images or 0) > len(pictures):
        parser.error(f'--train-images {arguments.train_images}: there are {len(pictures)}')
    training = (pictures[: arguments.train_images], labels[: arguments.train_images])
    settings, chosen = choose_settings(training, splits[1], len(CLASSES))
    iou = evaluate_table(training, splits[2], settings, len(CLASSES))
    print(f'{settings}, chosen on validation (mIoU {chosen:.2f})')
    for name, value in zip(CLASSES, iou, strict=True):
        print(f'{name:12s} {value:6.2f}')
    print(f'colour x position table, {arguments.split}: mIoU: {np.nanmean(iou):.2f}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
