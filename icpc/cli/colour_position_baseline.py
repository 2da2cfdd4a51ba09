"""`icpc colour-position-baseline`: the lookup table of colour and position, and its mIoU."""

import argparse
from pathlib import Path

from .arguments import quiet

HELP = 'the lookup table of colour and position, and its mIoU'
DESCRIPTION = (
    'Fit the colour x position lookup table, choose it on validation, print its mIoU on a split.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('--data-root', type=Path, default=Path('data/scenes'))
    parser.add_argument('--split', default='test', help='split to report (default: test)')
    parser.add_argument('--train-images', type=int, help='fit on the first n only (default: all)')


def run(args: argparse.Namespace) -> int:
    """Print the IoU of each class and the mean; the exit code."""
    with quiet():
        from ..commands.tool import run_tool

    return run_tool(lambda: print_baseline(args), args.debug)


def print_baseline(arguments: argparse.Namespace) -> None:
    """Fit the table, choose its settings, and print how good it is."""
    import numpy as np

    from ..commands.colour_position import choose_settings, evaluate_table, read_split
    from ..datasets.scenes.scene_classes import CLASSES
    from ..errors import UserError

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
