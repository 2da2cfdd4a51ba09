"""`icpc test`: evaluate a checkpoint: per-class table and mIoU."""

import argparse

from .arguments import add_config, add_overrides, add_ranks, quiet

HELP = 'evaluate a checkpoint: per-class table and mIoU'
DESCRIPTION = (
    'Evaluate a checkpoint: per-class table and mIoU. With --data: a model as icpc predict takes '
    'it, on any data set and class list.'
)
_ANYWHERE = ('classes', 'dataset', 'head', 'config_of_model')  # options that need --data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_config(
        parser,
        'the config it was trained with; with --data the model (a work dir, a checkpoint, a '
        'published folder, hf-hub:org/name, scenes); without',
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='such as work_dirs/demo/iter_1000.pth; none for a config of configs/zero_shot',
    )
    parser.add_argument(
        '--data',
        metavar='DIR',
        help='a prepared data set, or images/, masks/ and names.txt: evaluate the model on it',
    )
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help='with --data: the classes that count, one a line (synonyms behind a ;), in any order; '
        'those that the model was not trained on are answered by text where it can',
    )
    parser.add_argument(
        '--dataset', metavar='NAME', help='with --data: what it is, if it does not say, as ade20k'
    )
    parser.add_argument(
        '--head', choices=('score_map',), help='with --data: let the text answer for all classes'
    )
    parser.add_argument(
        '--config',
        dest='config_of_model',
        metavar='FILE',
        help='with --data: of a checkpoint that lies apart from its work dir',
    )
    parser.add_argument('--tta', action='store_true', help='average over scales and flips')
    parser.add_argument('--split', choices=('test', 'val'), default='test', help='(default: test)')
    parser.add_argument('--out', metavar='DIR', help='save the predicted masks there')
    parser.add_argument(
        '--show-dir', metavar='DIR', help='save the predictions drawn over the pictures there'
    )
    parser.add_argument('--work-dir', help='where logs go (default: work_dirs/<config name>_test)')
    add_overrides(parser)
    add_ranks(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if args.data is None:
        given = next((name for name in _ANYWHERE if getattr(args, name) is not None), None)
        if given is not None:
            option = given.removesuffix('_of_model')
            parser.error(f'--{option}: needs --data; a config says its data and classes itself')
        return
    for name, given in (
        (f'the checkpoint {args.checkpoint}', args.checkpoint is not None),
        ('--tta', args.tta),
        (f'--launcher {args.launcher}', args.launcher != 'none'),
        ('--rank-timeout', args.rank_timeout is not None),
    ):
        if given:
            parser.error(f'--data: evaluates MODEL alone, in one process; leave {name} out')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.anywhere.evaluate_anywhere import evaluate_anywhere
        from ..commands.evaluate import evaluate
        from ..commands.tool import run_tool

    if args.data is not None:
        return run_tool(
            lambda: evaluate_anywhere(
                args.config,
                args.data,
                args.classes,
                args.dataset,
                args.cfg_options,
                args.work_dir,
                args.split,
                args.head,
                args.config_of_model,
                args.out,
                args.show_dir,
            ),
            args.debug,
        )
    return run_tool(
        lambda: evaluate(
            args.config,
            args.checkpoint,
            args.cfg_options,
            args.work_dir,
            split=args.split,
            tta=args.tta,
            out=args.out,
            show_dir=args.show_dir,
            launcher=args.launcher,
            rank_timeout=args.rank_timeout,
        ),
        args.debug,
    )
