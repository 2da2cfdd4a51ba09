"""The config of a CLIP that predicts classes by their names, without a training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.config import Config

from ..class_lookup import SEPARATOR
from ..clip.loading import fault_of_clip, model_config
from ..errors import UserError
from .own_classes import first_word, vocabulary

_NATIVE = 224  # pixels, for towers that do not say theirs
_LONGEST = 16384  # pixels of a picture's longer side


def clip_model_config(
    model: str | dict,
    pretrained: str | None,
    classes: str | Sequence[str],
    dense: str | None = None,
    templates: str | Sequence[str] = 'openai',
    threshold: float | None = None,
    scale: float = 40.0,
) -> Config:
    """What a CLIP needs to predict, as the config of a `ZeroShotSegmentor`.

    Pictures are brought to a shorter side of one and a half of the tower's native size and go
    through it in windows of that size, half of which overlap: for 224 pixels these are the numbers
    of SCLIP and NACLIP, 336, 224 and 112.

    Args:
        model, pretrained: As for `icpc.clip.load_clip`.
        classes: Names, each alone or followed by other words for the same class, separated by `;`.
        dense: The backbone's option; None for `naclip` of a ViT and `value` of a ResNet.
        templates: `openai` for CLIP's 80 sentences, or sentences with `{}` for the name.
        threshold: Pixels whose best class is less probable belong to the first class, the
            background; None for no background.
        scale: Of the cosines in the softmax.

    Returns:
        `default_scope`, `model`, `test_pipeline`, `class_names` and `palette`, a colour for each
        class.

    Raises:
        UserError: Fewer than two classes, a name that comes twice or is empty, or an unknown CLIP.
    """
    lines = vocabulary(classes)
    names = [first_word(line) for line in lines]
    fault = fault_of_clip(model, pretrained)
    if fault is not None:
        raise UserError(fault)
    side = _native_size(model)
    short = 3 * side // 2
    parts: dict[str, Any] = dict(
        type='ZeroShotSegmentor',
        clip=dict(model=model, pretrained=pretrained),
        class_names=names,
        synonyms={name: line for name, line in zip(names, lines, strict=True) if SEPARATOR in line},
        backbone=dict() if dense is None else dict(dense=dense),
        prompter=dict(
            type='TemplatePrompter', template='imagenet' if templates == 'openai' else templates
        ),
        scale=scale,
        threshold=threshold,
        data_preprocessor=dict(type='SegDataPreProcessor', bgr_to_rgb=True),
        test_cfg=dict(mode='slide', crop_size=(side, side), stride=(side // 2, side // 2)),
    )
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(_LONGEST, short), keep_ratio=True),
        dict(type='PackSegInputs'),
    ]
    palette = np.random.RandomState(42).randint(0, 255, (len(names), 3))  # as MMSegmentation's
    return Config(
        dict(
            default_scope='mmseg',
            model=parts,
            test_pipeline=pipeline,
            class_names=names,
            palette=palette.tolist(),
        )
    )


def _native_size(model: str | dict) -> int:
    """Pixels of a side of the pictures that a tower was made for."""
    size = model_config(model)[0].get('vision_cfg', {}).get('image_size', _NATIVE)
    return int(min(size) if isinstance(size, (list, tuple)) else size)
