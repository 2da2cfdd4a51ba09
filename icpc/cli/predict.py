"""`icpc predict`: pictures in, labels and overlays out."""

import argparse
from pathlib import Path

from .arguments import quiet

HELP = 'labels, overlays and a line of JSON for pictures, folders and videos'
DESCRIPTION = (
    'Predict pictures, folders of pictures, or videos frame by frame. A picture that cannot be '
    'read is skipped and told, and the exit code is then 1.'
)
_SKIPPED = 1  # exit code where a picture was skipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('pictures', nargs='+', metavar='PICTURE', help='files or folders')
    parser.add_argument(
        '--model',
        default='scenes',
        metavar='MODEL',
        help="a run's work dir, a checkpoint, a published folder, hf-hub:org/name, the packaged "
        'scenes (default), or with --pretrained an architecture of open_clip',
    )
    parser.add_argument(
        '--pretrained',
        metavar='TAG',
        help='weights of a CLIP that segments without a training, such as openai',
    )
    parser.add_argument(
        '--dense',
        choices=('token', 'value', 'attention', 'sclip', 'clearclip', 'naclip'),
        help="with --pretrained: how the tower's positions reach the joint space (default: naclip "
        'of a ViT, value of a ResNet)',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        metavar='P',
        help='with --pretrained: pixels whose best class is less probable belong to the first one, '
        'the background',
    )
    parser.add_argument('--config', help='of a checkpoint that lies apart from its work dir')
    parser.add_argument(
        '--classes',
        metavar='NAMES',
        help='other classes, such as "cat;kitten, sofa, floor"; synonyms stand behind a ;',
    )
    parser.add_argument(
        '--head',
        choices=('score_map',),
        help="take the score map of pixels and text in the decode head's place",
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='where to write')
    parser.add_argument('--no-overlays', action='store_true', help='write labels alone')
    parser.add_argument('--score-maps', action='store_true', help='write score maps, too (.npz)')
    parser.add_argument('--device', help='such as cpu or cuda:1 (default: the first GPU, or cpu)')
    parser.add_argument(
        '--batch-size', type=int, default=8, metavar='N', help='the most at once (default: 8)'
    )


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool
        from ..inference.command import predict

    failed: list[object] = []
    code = run_tool(lambda: failed.extend(predict(args, Path(args.out))), args.debug)
    return code or (_SKIPPED if failed else 0)
