"""Prepare a dataset on disk: one sub-command for each dataset."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def add_scenes_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `scenes`."""
    parser.add_argument('--out', type=Path, default=Path('data/scenes'), help='folder to write')
    parser.add_argument('--train', type=int, default=400, help='number of training pictures')
    parser.add_argument('--validation', type=int, default=100, help='number of validation pictures')
    parser.add_argument('--test', type=int, default=200, help='number of test pictures')
    parser.add_argument('--size', type=int, default=128, help='height and width in pixels')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another dataset')


def prepare_scenes(arguments: argparse.Namespace) -> int:
    """Generate the embedded dataset of procedural scenes."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from icpc.datasets.scene_files import is_written, write_scenes

    counts = dict(training=arguments.train, validation=arguments.validation, test=arguments.test)
    if min(counts.values()) < 1 or arguments.size < 32:
        print('every split needs at least 1 picture, --size at least 32', file=sys.stderr)
        return 2
    if is_written(arguments.out, counts, arguments.size, arguments.seed):
        print(f'{arguments.out} already holds these scenes')
        return 0
    columns = (TextColumn('scenes'), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns) as progress:
        task = progress.add_task('scenes', total=sum(counts.values()))
        try:
            for _ in write_scenes(arguments.out, counts, arguments.size, arguments.seed):
                progress.advance(task)
        except (FileExistsError, PermissionError) as error:
            progress.stop()
            print(error, file=sys.stderr)
            return 1
    print(f'wrote {counts} of {arguments.size} x {arguments.size} pixels to {arguments.out}')
    return 0


# name -> (help, arguments, what it does): a further dataset is a further line.
Command = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]
COMMANDS: dict[str, Command] = {
    'scenes': ('the embedded procedural scenes', add_scenes_arguments, prepare_scenes),
}


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and prepare the dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='dataset', required=True, metavar='DATASET')
    for name, (text, add_arguments, run) in COMMANDS.items():
        defaults = argparse.ArgumentDefaultsHelpFormatter
        command = commands.add_parser(name, help=text, description=text, formatter_class=defaults)
        add_arguments(command)
        command.set_defaults(run=run)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments)


if __name__ == '__main__':
    sys.exit(main())
