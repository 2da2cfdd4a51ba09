"""`icpc serve`: a page in the browser that predicts pictures."""

import argparse

from .arguments import quiet

HELP = 'a page in the browser: drop a picture, name the classes, compare two models'
DESCRIPTION = (
    'Serve a page on this computer that predicts pictures. They stay in memory for '
    'an hour at most, and are never stored. See docs/serve.md.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument(
        'models',
        nargs='+',
        metavar='MODEL',
        help='one or two: what icpc.load_model takes, such as a work dir, a checkpoint, scenes',
    )
    parser.add_argument(
        '--classes',
        metavar='"A, B"',
        help="the list to begin with (default: the first model's own); synonyms stand behind a ;",
    )
    parser.add_argument(
        '--pretrained',
        metavar='TAG',
        help='the last MODEL is an architecture of open_clip, with these weights, such as openai: '
        'a CLIP that segments without a training',
    )
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='the address to serve at; 0.0.0.0 opens the page to all computers that reach this '
        'one (default: 127.0.0.1, this computer alone)',
    )
    parser.add_argument('--port', type=int, default=7860, help='default: 7860')
    parser.add_argument(
        '--max-size',
        type=float,
        default=16,
        metavar='MEGAPIXELS',
        help='of a picture; a file may have 4 bytes for each pixel (default: 16)',
    )
    parser.add_argument('--device', help='such as cpu or cuda:1 (default: the first GPU, or cpu)')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a third model."""
    if len(args.models) > 2:
        parser.error(f'{len(args.models)} models; the page compares at most two')


def run(args: argparse.Namespace) -> int:
    """Do it; the exit code."""
    with quiet():
        from ..commands.tool import run_tool

    return run_tool(lambda: _serve(args), args.debug)


def _serve(args: argparse.Namespace) -> None:
    with quiet():
        from ..inference.load_model import load_clip_model, load_model
        from ..serving.answer import Served
        from ..serving.server import check_server, serve

    from ..errors import UserError

    check_server(args.host, args.port, args.max_size)
    trained = args.models if args.pretrained is None else args.models[:-1]
    models = [Served(name, load_model(name, args.device)) for name in trained]
    if args.pretrained is not None:
        classes = args.classes or (models[0].predictor.classes if models else None)
        if classes is None:
            raise UserError('--pretrained: a CLIP alone needs --classes "cat, sofa, floor"')
        name = args.models[-1]
        clip = load_clip_model(name, args.pretrained, classes, args.device)
        models.append(Served(f'{name} ({args.pretrained}), no training', clip))
    options = dict(classes=args.classes, port=args.port, megapixels=args.max_size)
    serve(models, args.host, **options)
