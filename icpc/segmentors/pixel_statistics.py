"""The pixels' mean and deviation of a model: those that its backbone was trained with."""

import inspect
from collections.abc import Sequence
from typing import Any

from mmseg.registry import MODELS

from ..clip.pixels import Pixels, clip_pixels

_CLOSE = 0.05  # of 255: published numbers are rounded


def with_pixels(preprocessor: Any, clip: dict, backbone: dict) -> tuple[Any, str | None]:
    """The preprocessor's config with mean and deviation where it leaves them out.

    Args:
        preprocessor: the config; anything that takes no ``mean`` and ``std`` stays as it is.
        clip: arguments of :func:`icpc.clip.load_clip`.
        backbone: the backbone's options. A class with a static method ``pixels(options)`` tells its
            own numbers.

    Returns:
        The config, and what the user has to know, in a sentence (None for nothing): that other
        numbers are given, that they are not known for sure, or that channels stay blue, green, red.

    Raises:
        ValueError: an unknown CLIP.
    """
    if not _takes_pixels(preprocessor) or not clip.get('model'):
        return preprocessor, None
    own = _own(clip, backbone)
    if own is None:
        return preprocessor, None
    filled = dict(preprocessor)
    for key in ('mean', 'std'):
        filled.setdefault(key, getattr(own, key))
    given = {key: preprocessor[key] for key in ('mean', 'std') if key in preprocessor}
    other = {key: value for key, value in given.items() if not _close(value, getattr(own, key))}
    if other:
        words = ' and '.join(f'{key} {value}' for key, value in other.items())
        note = (
            f'model.data_preprocessor: pictures are normalised with {words} as the config says, '
            f'while {own.source} was trained with mean {own.mean} and std {own.std}'
        )
        return filled, note
    if not given and not preprocessor.get('bgr_to_rgb'):
        note = (
            f'model.data_preprocessor: {own.source} was trained on RGB; set bgr_to_rgb=True unless '
            'the pipeline loads RGB itself'
        )
        return filled, note
    return filled, None if given else own.doubt


def _takes_pixels(preprocessor: Any) -> bool:
    if not isinstance(preprocessor, dict) or preprocessor.get('type') is None:
        return False
    kind = preprocessor['type']
    cls = MODELS.get(kind) if isinstance(kind, str) else kind
    return cls is not None and {'mean', 'std'} <= inspect.signature(cls).parameters.keys()


def _own(clip: dict, backbone: dict) -> Pixels | None:
    for options in (backbone, backbone.get('tower') or {}):
        kind = options.get('type')
        cls = MODELS.get(kind) if isinstance(kind, str) else kind
        if hasattr(cls, 'pixels'):
            return cls.pixels(options)
    return clip_pixels(clip['model'], clip.get('pretrained'))


def _close(value: Any, own: Sequence[float]) -> bool:
    try:
        pairs = zip(value, own, strict=True)
        return all(abs(one - other) < _CLOSE for one, other in pairs)
    except (TypeError, ValueError):
        return False
