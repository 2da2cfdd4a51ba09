"""Which architectures of open_clip work here, tried out with random weights."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from ..clip.loading import architectures

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


@dataclass(frozen=True)
class Trial:
    """One family, tried by one member.

    Attributes:
        tried: the member's name.
        members: how many architectures the family has.
        image_tower: type of the tower, with the trunk's for timm's; empty if not even built.
        text: empty where a training step with prompts works, else why not.
        image: empty where a training step works with class vectors in the place of text.
    """

    tried: str
    members: int
    image_tower: str
    text: str
    image: str


def members() -> dict[str, list[str]]:
    """All architectures that open_clip lists, by the tried member of their family.

    A newer open_clip's that belong to no family stand for themselves.
    """
    found: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for model in architectures():
        fits = [name for name, pattern in FAMILIES.items() if re.fullmatch(pattern, model)]
        found.setdefault(fits[0] if fits else model, []).append(model)
    return found


def try_families() -> Iterator[Trial]:
    """Builds, trains for one step and predicts with one member of each family."""
    init_default_scope('mmseg')
    for tried, models in members().items():
        tower, text = _attempt(tried, 'StaticPrompter')
        image = ''
        if text:
            tower, image = _attempt(tried, 'ClassVectorPrompter')
        yield Trial(tried, len(models), tower, text, image)


def _attempt(model: str, prompter: str) -> tuple[str, str]:
    """The type of the image tower, and why it does not work, if so."""
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


def _config(model: str, prompter: str) -> dict:
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


def _one_step(segmentor: nn.Module) -> None:
    images = torch.randn(2, 3, _SIDE, _SIDE)
    labels = PixelData(data=torch.randint(0, 3, (1, _SIDE, _SIDE)))
    samples = [SegDataSample(gt_sem_seg=labels) for _ in images]
    losses = segmentor.train().loss(images, samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    segmentor.eval().predict(images[:, :, :, : _SIDE // 2 + 10])


def table() -> str:
    """The result as a Markdown table."""
    rows = [
        '| family, tried by | members | image tower | with text | image tower alone |',
        '|---|---|---|---|---|',
    ]
    for trial in try_families():
        text = 'works' if not trial.text else f'refused: {trial.text}'
        image = 'works' if not trial.image else f'refused: {trial.image}'
        cells = (trial.tried, trial.members, trial.image_tower or '-', text, image)
        rows.append('| ' + ' | '.join(map(str, cells)) + ' |')
    return '\n'.join(rows)
