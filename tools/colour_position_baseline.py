"""Fit the colour x position lookup table, choose it on validation, print its mIoU on a split."""

import argparse
import sys
from pathlib import Path

from arguments import quiet


def main(argv: list[str] | None = None) -> int:
    """Print the IoU of each class and the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, default=Path('data/scenes'))
    parser.add_argument('--split', default='test', help='split to report (default: test)')
    parser.add_argument('--train-images', type=int, help='fit on the first n only (default: all)')
    parser.add_argument('--debug', action='store_true', help='show tracebacks and warnings')
    arguments = parser.parse_args(argv)
    with quiet():
        from icpc.commands.tool import run_tool

    return run_tool(lambda: print_baseline(arguments), arguments.debug)


def print_baseline(arguments: argparse.Namespace) -> None:
    """Fit the table, choose its settings, and print how good it is."""
    import numpy as np

    from icpc.commands.colour_position import choose_settings, evaluate_table, read_split
    from icpc.datasets.scenes.scene_classes import CLASSES
    from icpc.errors import UserError

    count = arguments.train_images
    if count is not None and count < 1:
        raise UserError(f'--train-images must be at least 1, got {count}')
    splits = [
        read_split(arguments.data_root, split)
        for split in ('training', 'validation', arguments.split)
    ]
    pictures, labels = splits[0]
    if (count or 0) > len(pictures):
        raise UserError(f'--train-images {count}: there are {len(pictures)}')
    training = (pictures[:count], labels[:count])
    settings, chosen = choose_settings(training, splits[1], len(CLASSES))
    iou = evaluate_table(training, splits[2], settings, len(CLASSES))
    print(f'{settings}, chosen on validation (mIoU {chosen:.2f})')
    for name, value in zip(CLASSES, iou, strict=True):
        print(f'{name:12s} {value:6.2f}')
    print(f'colour x position table, {arguments.split}: mIoU: {np.nanmean(iou):.2f}')


if __name__ == '__main__':
    sys.exit(main())
