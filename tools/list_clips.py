"""Try one architecture of each open_clip family: `python tools/list_clips.py [--out FILE]`."""

import argparse
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from arguments import new_parser, quiet

if TYPE_CHECKING:
    from icpc.segmentors.clip_segmentor import CLIPSegmentor

_HEADER = """# CLIP models of open_clip

One architecture of each family, with random weights: built, one training step, one prediction at
another size. Written by `python tools/list_clips.py --out docs/clip_families.md`; nothing is
downloaded. *Image tower alone* is a model with learned class vectors in the place of text
(`ClassVectorPrompter`).

"""
_SIDE = 128  # pixels: four positions at stride 64, the coarsest of all pyramids
# The member that is tried, and a pattern that all members match.
FAMILIES = {
    'RN50-quickgelu': r'RN\d+(x\d+)?(-quickgelu)?',
    'ViT-S-32': r'ViT-(S|M|B|L|H|g|e|bigG)-\d+(-alt|-plus)?(-\d{3})?(-quickgelu)?',
    'ViT-L-14-worldwide': r'ViT-(L|H|bigG)-14-worldwide.*',
    'ViT-L-14-CLIPA': r'ViT-.*-CLIPA(-\d+)?',
    'ViT-B-32-SigLIP2-256': r'ViT-.*-SigLIP.*',
    'MobileCLIP-B': r'MobileCLIP2?-B',
    'MobileCLIP2-S0': r'MobileCLIP2?-S\d',
    'MobileCLIP2-L-14': r'MobileCLIP2-L-14',
    'convnext_tiny': r'convnext_.*',
    'swin_base_patch4_window7_224': r'swin_.*',
    'EVA02-B-16': r'EVA0[12]-.*',
    'PE-Core-T-16-384': r'PE-Core-.*',
    'ViTamin-S': r'ViTamin-.*',
    'vit_medium_patch16_gap_256': r'vit_medium_patch16_gap_256',
    'vit_relpos_medium_patch16_cls_224': r'vit_relpos_.*',
    'coca_ViT-B-32': r'coca_(base|ViT-.*)',
    'xlm-roberta-base-ViT-B-32': r'(xlm-|coca_)?roberta-.*|mt5-.*|nllb-.*',
}


def members() -> dict[str, list[str]]:
    """All architectures that open_clip lists, by the tried member of their family.

    Those of a newer open_clip that belong to no family stand for themselves.
    """
    import open_clip

    found: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for model in open_clip.list_models():
        fits = [name for name, pattern in FAMILIES.items() if re.fullmatch(pattern, model)]
        found.setdefault(fits[0] if fits else model, []).append(model)
    return found


def attempt(model: str | dict, prompter: str) -> tuple[str, str]:
    """Build a model, train it for one step and predict with it.

    Returns:
        The type of the image tower, empty where nothing was built; and why it does not work, empty
        where it does.
    """
    import torch
    from mmseg.registry import MODELS
    from mmseg.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            segmentor = MODELS.build(_config(model, prompter))
            _one_step(segmentor)
        except ValueError as error:
            return '', str(error)
    visual = segmentor.backbone.visual
    trunk = getattr(visual, 'trunk', None)
    return type(visual).__name__ + (f' / {type(trunk).__name__}' if trunk is not None else ''), ''


def _config(model: str | dict, prompter: str) -> dict:
    return dict(
        type='CLIPSegmentor',
        class_names=['wall', 'traffic light', 'sky'],
        clip=dict(model=model),
        backbone={},
        prompter=dict(type=prompter),
        neck=dict(type='ScoreConcat', out_channels=8),
        decode_head=dict(
            type='FPNHead',
            channels=8,
            norm_cfg=dict(type='BN'),
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        ),
        losses=dict(score_map=dict(type='ScoreMapLoss')),
    )


def _one_step(segmentor: 'CLIPSegmentor') -> None:
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    images = torch.randn(2, 3, _SIDE, _SIDE)
    labels = PixelData(data=torch.randint(0, 3, (1, _SIDE, _SIDE)))
    samples = [SegDataSample(gt_sem_seg=labels) for _ in images]
    losses = segmentor.train().loss(images, samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    segmentor.eval().predict(images[:, :, :, : _SIDE // 2 + 10])


def table() -> str:
    """What works with one member of each family, as a Markdown table."""
    rows = [
        '| family, tried by | members | image tower | with text | image tower alone |',
        '|---|---|---|---|---|',
    ]
    for tried, models in members().items():
        tower, text = attempt(tried, 'StaticPrompter')
        image = ''
        if text:
            tower, image = attempt(tried, 'ClassVectorPrompter')
        text, image = (f'refused: {reason}' if reason else 'works' for reason in (text, image))
        rows.append(f'| {tried} | {len(models)} | {tower or "-"} | {text} | {image} |')
    return '\n'.join(rows)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser('Which CLIP models work here, and why not.')
    parser.add_argument('--out', help='write the table there instead of printing it (some minutes)')
    return parser.parse_args()


def main() -> int:
    """Run the tool."""
    args = parse_args()
    with quiet():
        from icpc.commands.tool import run_tool
        from icpc.errors import UserError

    def work() -> None:
        if args.out and not Path(args.out).absolute().parent.is_dir():
            raise UserError(f'--out {args.out}: there is no such folder to write it into')
        text = _HEADER + table() + '\n'
        if args.out:
            Path(args.out).write_text(text)
        else:
            print(text, end='')

    return run_tool(work, args.debug)


if __name__ == '__main__':
    sys.exit(main())
