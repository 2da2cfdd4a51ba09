"""Recorded values of CLIMS and POLE, a folder of them, held against ours."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..console.messages import say
from ..errors import UserError
from .recorded_towers import Recorded
from .training_free import files_by_kind, print_errors
from .weak_cam import cam_values
from .weak_losses import adapter_values, loss_values, recorded_clip, selection_values
from .weak_refinement import refinement_values
from .weak_retraining import retraining_values
from .weak_scores import score_values

TOLERANCE = 5e-5


class _Kind(NamedTuple):
    """One kind of file.

    Attributes:
        has: Patterns of names; a file in which each finds an array is of this kind.
        inputs: Patterns of arrays that go in, besides `state/*`.
        values: Gives ours of all others.
        needs: The kind of another file, and that file in words.
    """

    has: tuple[str, ...]
    inputs: tuple[str, ...]
    values: Callable[..., Iterator[tuple[str, Any]]]
    needs: tuple[str, str] | None = None


_CLIP = ('clip', 'its CLIP (token_rows/ids)')
_KINDS = {
    'losses': _Kind(
        ('maps', 'pairs', 'sim_fg'),
        (
            *('image', 'label', 'maps', 'token_ids', 'background_token_ids', 'texts'),
            *('alternative_weights', 'other_threshold'),
            *('optim/start', 'optim/grads', 'optim/config'),
        ),
        loss_values,
        _CLIP,
    ),
    'adapters': _Kind(
        ('*/image/ratio_vector', '*/text/ratio_vector', '*/sim_fg'),
        (
            *('token_ids', '*/token_ids', '[!/]*/context', '[!/]*/class_tokens'),
            *(f'*/{tower}/{part}' for tower in ('image', 'text') for part in ('fc.*', 'ratio_*')),
        ),
        adapter_values,
        ('losses', 'its pictures (maps, pairs)'),
    ),
    'selection': _Kind(
        ('*/image', '*/cam', '*/token_ids', '*/keys'),
        ('*/image', '*/cam', '*/keys', '*/token_ids'),
        selection_values,
        _CLIP,
    ),
    'classifier': _Kind(
        ('state/resnet50.*', 'state/classifier.weight', 'image', 'label'),
        ('image', 'label'),
        cam_values,
    ),
    'refinement': _Kind(
        ('walk/cam', 'boundary/labels', 'crf/config'),
        (
            *('walk/cam', 'walk/edge', 'walk/keys', 'boundary/config', 'boundary/edge_logits'),
            *('boundary/displacement', 'boundary/labels', 'seeds/image', 'seeds/cam'),
            *('seeds/keys', 'crf/probabilities', 'crf/config'),
        ),
        refinement_values,
    ),
    'retraining': _Kind(
        ('state/base.aspp.*', 'image', 'label'),
        ('image', 'label', 'schedule_config'),
        retraining_values,
    ),
    'scores': _Kind(
        ('truth', 'cam_prediction', 'mask_prediction'),
        ('truth', 'cam_prediction', 'mask_prediction'),
        score_values,
    ),
    'clip': _Kind(
        ('token_rows/ids', 'token_rows/values', 'state/visual.conv1.weight'),
        ('token_rows/*',),
        lambda file: iter(()),
    ),
}


def kind_of(file: Recorded) -> str:
    """Which kind of file it is, by its content; nothing for others."""
    found = (kind for kind, one in _KINDS.items() if all(_any(file, has) for has in one.has))
    return next(found, '')


def _any(file: Recorded, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in file.arrays)


def holds(folder: str | Path) -> bool:
    """Whether a folder has recorded values of CLIMS or POLE."""
    return bool(set(files_by_kind(folder, kind_of)) - {'clip'})


def report(folder: str | Path) -> float:
    """Prints the relative error of every recorded array, and which are not compared.

    Args:
        folder: With `.npz` files, known by what is in them.

    Returns:
        The largest error, as `training_free.report` defines it; infinite where choices, labels or
        other whole numbers differ.

    Raises:
        UserError: A file lacks a part, or another file that it needs.
    """
    files = files_by_kind(folder, kind_of)
    unknown = sorted(set(Path(folder).glob('*.npz')) - {file.path for file in files.values()})
    for path in unknown:
        say(f'{path.name}: not compared, it is of no kind that icpc knows')
    errors: list[float] = []
    rest = len(unknown)
    for kind, file in files.items():
        others = [file]
        need = _KINDS[kind].needs
        while need is not None:
            if need[0] not in files:
                raise UserError(f'{file.path}: the file of {need[1]} is missing')
            others.append(files[need[0]])
            need = _KINDS[need[0]].needs
        if kind == 'clip':
            continue
        if others[-1] is files.get('clip'):
            others[-1] = recorded_clip(others[-1])
        found, uncompared = _compare(_KINDS[kind], file, _KINDS[kind].values(*others))
        errors += found
        rest += uncompared
    if rest:
        say(f'not compared: {rest}, as said above')
    largest = max(errors)
    say(f'max relative error: {largest:.3e}')
    return largest


def _compare(
    kind: _Kind, file: Recorded, values: Iterator[tuple[str, Any]]
) -> tuple[list[float], int]:
    """The errors of a file, and how many of its arrays are neither an input nor compared."""
    with torch.enable_grad():
        detached = ((n, v.detach() if isinstance(v, Tensor) else v) for n, v in values)
        errors = print_errors(file, detached)
    if not errors:
        raise UserError(f'{file.path}: none of its arrays is one that icpc has a part for')
    inputs = ('state/*', *kind.inputs)
    rest = [
        name
        for name in file.arrays
        if name not in errors and not any(fnmatchcase(name, one) for one in inputs)
    ]
    for name in rest:
        say(f'  {name:<34} not compared: it is no input, and icpc has no part that makes it')
    for name, error in errors.items():
        if error and file.arrays[name].dtype.kind in 'iub':
            errors[name] = float('inf')
    return list(errors.values()), len(rest)
