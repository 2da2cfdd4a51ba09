"""`icpc list-clips`: one architecture of each family of open_clip, built and tried."""

import warnings

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules
from torch import nn

from ..clip.families import members

_HEADER = """# CLIP models of open_clip

One architecture of each family, with random weights: built, one training step, one prediction at
another size. Written by `python tools/list_clips.py --out docs/clip_families.md`; nothing is
downloaded. *Image tower alone* is a model with learned class vectors in the place of text
(`ClassVectorPrompter`).

"""
_SIDE = 128  # pixels: four positions at stride 64, the coarsest of all pyramids


def attempt(model: str | dict, prompter: str) -> tuple[str, str]:
    """Build a model, train it for one step and predict with it.

    Returns:
        The type of the image tower, empty where nothing was built; and why it does not work, empty
        where it does.
    """
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


def _one_step(segmentor: nn.Module) -> None:
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


def page() -> str:
    """What works, as a page of the docs."""
    return _HEADER + table() + '\n'
