"""What `icpc predict` does with its words."""

from argparse import Namespace
from pathlib import Path

from ..console.messages import say
from ..errors import UserError
from .load_model import load_clip_model, load_model
from .predict_files import predict_files
from .predicted import Failure


def predict(args: Namespace, out: Path) -> list[Failure]:
    """Load the model and predict all pictures.

    Args:
        args: As `icpc predict` reads them.
        out: The folder to write to.

    Returns:
        What was skipped.

    Raises:
        UserError: Words that do not go together, and whatever loading and predicting refuse.
    """
    options = dict(batch_size=args.batch_size)
    of_clip = dict(dense=args.dense, threshold=args.threshold)
    if args.pretrained is None:
        for name, value in of_clip.items():
            if value is not None:
                raise UserError(f'--{name} is for a CLIP alone: give --pretrained too')
        predictor = load_model(args.model, args.device, args.config)
        if args.model == 'scenes':
            say('scenes, the packaged example, knows drawn scenes alone; --model takes yours')
        options |= dict(classes=args.classes, head=args.head)
    else:
        if args.config or args.head:
            raise UserError('--pretrained: a CLIP alone takes neither --config nor --head')
        if args.classes is None:
            raise UserError('--pretrained: a CLIP alone needs --classes "cat, sofa, floor"')
        predictor = load_clip_model(
            args.model, args.pretrained, args.classes, args.device, **of_clip
        )
    return predict_files(
        predictor, args.pictures, out, not args.no_overlays, args.score_maps, **options
    )
