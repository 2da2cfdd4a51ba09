"""`icpc export`: a model as one file for torch.export or onnxruntime."""

import argparse
from pathlib import Path

from .arguments import quiet

HELP = 'a model as one file that runs without icpc: torch.export or ONNX'
DESCRIPTION = (
    'Write a model with its classes as one graph: RGB pictures 0 .. 255 go in, logits and labels '
    'come out. The file is compared with the model before it is kept. See docs/export.md.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument('model', help='what icpc.load_model takes: a work dir, a checkpoint, ...')
    parser.add_argument('--format', choices=('torch', 'onnx'), default='onnx', dest='kind')
    parser.add_argument(
        '--size',
        default='dynamic',
        metavar='H,W',
        help="of the pictures in pixels, or 'dynamic': sides of any multiple of the stride",
    )
    parser.add_argument(
        '--classes', metavar='"A, B"', help='other names than those of the training, with commas'
    )
    parser.add_argument(
        '--head',
        choices=('score_map',),
        help="write the score map of pixels and text in the decode head's place",
    )
    parser.add_argument('--out', metavar='FILE', help='the file (default: MODEL.onnx or MODEL.pt2)')
    parser.add_argument(
        '--tolerance',
        type=float,
        default=1e-3,
        help='largest difference of logits, of the largest logit where that is above 1 (1e-3)',
    )
    parser.add_argument(
        '--pictures', metavar='DIR', help='pictures to compare on (default: embedded scenes)'
    )
    parser.add_argument(
        '--int8', action='store_true', help='also FILE-int8.onnx, calibrated on --calibrate'
    )
    parser.add_argument(
        '--calibrate', metavar='DIR', help='pictures of training, 32 are enough, for --int8'
    )


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool

    return run_tool(lambda: _export(args), args.debug)


def _export(args: argparse.Namespace) -> None:
    from ..console.messages import say
    from ..errors import UserError
    from ..export.exporters import check_installed

    size = size_of(args.size)
    check_installed(args.kind)
    if args.int8 and (args.kind != 'onnx' or args.calibrate is None):
        raise UserError('--int8 needs --format onnx and --calibrate DIR, pictures of training')
    path = path_of(args)

    with quiet():
        from ..inference.load_model import load_model

    predictor = load_model(args.model, device='cpu')
    model, classes, palette = predictor.answering(args.classes, args.head)

    from ..export.from_model import export_model
    from ..export.int8 import quantize
    from ..export.picture_folder import batches_of

    def pictures(folder: str | None) -> list:
        return [] if folder is None else batches_of(Path(folder), model, size)

    compared, calibrated = pictures(args.pictures), pictures(args.calibrate)
    if (getattr(model, 'test_cfg', None) or {}).get('mode') == 'slide':
        say(
            'model.test_cfg.mode is slide: the file has no windows, it predicts a whole picture at '
            'once, which gives other labels than icpc test; cut windows before it for the same'
        )
    found = export_model(
        model, path, args.kind, classes, palette, args.model, size, args.tolerance, compared
    )
    say(f'{path}: {found}')
    if args.int8:
        small = path.with_name(f'{path.stem}-int8{path.suffix}')
        say(f'{small}: {quantize(path, small, model, calibrated)}')


def path_of(args: argparse.Namespace) -> Path:
    """The file that is written.

    Raises:
        UserError: Its ending is that of another format.
    """
    from ..errors import UserError
    from ..export.exporters import SUFFIX

    suffix = SUFFIX[args.kind]
    path = Path(args.out or f'{Path(args.model).name.removesuffix(".pth") or "model"}{suffix}')
    if path.suffix != suffix:
        raise UserError(f'--out {path}: a file of --format {args.kind} ends in {suffix}')
    return path


def size_of(text: str) -> tuple[int, int] | None:
    """(H, W) of `'512,512'`, None for `'dynamic'`.

    Raises:
        UserError: Another text.
    """
    from ..errors import UserError

    if text == 'dynamic':
        return None
    sides = text.replace('x', ',').split(',')
    if len(sides) != 2 or not all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        raise UserError(f"--size must be H,W in pixels, such as 512,512, or 'dynamic'; got {text}")
    return int(sides[0]), int(sides[1])
