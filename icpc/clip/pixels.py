"""The mean and the deviation of the pixels that a CLIP was trained with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import open_clip

from .loading import CONFIG_FILE, model_config
from .weights import is_torchscript

_DIGITS = 8  # behind the point: products with 255 are what the published decimals say


class Pixels(NamedTuple):
    """What pictures are normalised with.

    Attributes:
        mean, std: Red, green, blue, of values from 0 to 255.
        source: Whose they are, in words.
        doubt: Why they might be others, in a sentence; None where they are known.
    """

    mean: list[float]
    std: list[float]
    source: str
    doubt: str | None = None


def clip_pixels(model: str | dict, pretrained: str | None = None) -> Pixels:
    """Mean and deviation of a CLIP, from what open_clip and the files beside its weights tell.

    Args:
        model, pretrained: as for :func:`load_clip`. Weights in a file are those of
            ``open_clip_config.json`` beside it; without one, of the architecture's published ones.

    Raises:
        ValueError: an unknown architecture, or a config beside the weights that is no such one.
    """
    _, folder = model_config(model)
    beside = [Path(pretrained).parent] if pretrained and Path(pretrained).is_file() else []
    for place in (*beside, *([folder] if folder else [])):
        given = _of_folder(place)
        if given is not None:
            return scaled(*given, str(place))
    if not isinstance(model, str) or folder is not None:
        return _default('CLIP')
    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained in tags:
        return scaled(*_of_tag(model, pretrained), f'{model} {pretrained}')
    published = {_of_tag(model, tag) for tag in tags}
    if len(published) == 1:
        return scaled(*published.pop(), model)
    openai = beside and is_torchscript(Path(pretrained))
    if not published or openai:
        return _default(model)
    others = [tag for tag in tags if _of_tag(model, tag) != _OPENAI]
    doubt = (
        f'weights of {model} are published with several means and deviations of the pixels; '
        f"OpenAI's are taken, those of {', '.join(others)} are others: set "
        'model.data_preprocessor.mean and std for them'
    )
    return _default(model)._replace(doubt=doubt)


_OPENAI = (tuple(open_clip.OPENAI_DATASET_MEAN), tuple(open_clip.OPENAI_DATASET_STD))


def _default(source: str) -> Pixels:
    return scaled(*_OPENAI, source)


def scaled(mean: Sequence[float], std: Sequence[float], source: str) -> Pixels:
    """Pixels from numbers for values from 0 to 1."""
    return Pixels(*([round(x * 255, _DIGITS) for x in three] for three in (mean, std)), source)


def _of_tag(model: str, tag: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    config = open_clip.get_pretrained_cfg(model, tag)
    given = (
        config.get(key) or default for key, default in zip(('mean', 'std'), _OPENAI, strict=True)
    )
    return tuple(map(tuple, given))


def _of_folder(folder: Path) -> tuple[Sequence[float], Sequence[float]] | None:
    path = folder / CONFIG_FILE
    if not path.is_file():
        return None
    given = json.loads(path.read_text()).get('preprocess_cfg') or {}
    if given.get('mean') is None and given.get('std') is None:
        return None
    found = given.get('mean'), given.get('std')
    fits = all(
        isinstance(three, list)
        and len(three) == 3
        and all(isinstance(x, (int, float)) for x in three)
        for three in found
    )
    if not fits or min(found[1]) <= 0:
        raise ValueError(f'clip: {path}: preprocess_cfg needs mean and std of three numbers each')
    return found
