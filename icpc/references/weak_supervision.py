"""Recorded values of CLIMS and POLE, a folder of them, held against ours."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..console.messages import say
from ..errors import UserError
from .recorded_towers import Recorded
from .training_free import files_by_kind, print_errors
from .weak_losses import adapter_values, loss_values, recorded_clip, selection_values
from .weak_refinement import refinement_values

# A file is of this kind when it holds these arrays.
_KINDS = {
    'losses': {'maps', 'pairs', 'sim_fg'},
    'adapters': {'start/sim_fg', 'learned/sim_fg'},
    'selection': {'0/image', '0/cam', '0/text'},
    'refinement': {'walk/cam', 'boundary/labels', 'crf/config'},
    'clip': {'token_rows/ids', 'token_rows/values', 'state/visual.conv1.weight'},
}
# Beginnings of names that are inputs, or parts of one of them.
_INPUTS = {
    'losses': (
        *('image', 'label', 'maps', 'token_ids', 'background_token_ids', 'texts'),
        *('alternative_weights', 'other_threshold', 'optim/start', 'optim/grads', 'optim/config'),
    ),
    'adapters': (
        *('token_ids', 'coop/token_ids', 'coop/context', 'defo/token_ids', 'defo/context'),
        *('defo/class_tokens', 'start/image/', 'start/text/', 'learned/image/', 'learned/text/'),
    ),
    'selection': (),
    'refinement': (
        *('walk/cam', 'walk/edge', 'walk/keys', 'boundary/config', 'boundary/edge_logits'),
        *('boundary/displacement', 'boundary/labels', 'seeds/image', 'seeds/cam', 'seeds/keys'),
        *('crf/probabilities', 'crf/config'),
    ),
}
_ENDS = {'selection': ('/image', '/cam', '/keys', '/token_ids')}


def kind_of(file: Recorded) -> str:
    """Which kind of file it is, by its content; nothing for others."""
    return next((kind for kind, names in _KINDS.items() if names <= file.arrays.keys()), '')


def holds(folder: str | Path) -> bool:
    """Whether a folder has recorded values of CLIMS or POLE."""
    return bool(set(files_by_kind(folder, kind_of)) - {'clip'})


def report(folder: str | Path) -> float:
    """Prints the relative error of every recorded array, and which are not compared and why.

    Args:
        folder: With `.npz` files, known by what is in them.

    Returns:
        The largest error, as `training_free.report` defines it.

    Raises:
        UserError: A file lacks a part, or the CLIP that it needs.
    """
    files = files_by_kind(folder, kind_of)
    for path in sorted(set(Path(folder).glob('*.npz')) - {file.path for file in files.values()}):
        say(f'{path.name}: not compared, icpc has no part for any of its arrays yet')
    clip = recorded_clip(files['clip']) if 'clip' in files else None
    errors: list[float] = []
    for kind, file in files.items():
        if kind == 'clip':
            continue
        if clip is None and kind in ('losses', 'adapters', 'selection'):
            raise UserError(f'{file.path}: the file of its CLIP (token_rows/ids) is missing')
        if kind == 'losses':
            values = loss_values(file, clip)
        elif kind == 'adapters':
            if 'losses' not in files:
                raise UserError(f'{file.path}: the file of its pictures (maps, pairs) is missing')
            values = adapter_values(file, files['losses'], clip)
        elif kind == 'refinement':
            values = refinement_values(file)
        else:
            values = selection_values(file, clip)
        errors += _compare(kind, file, values)
    largest = max(errors)
    say(f'max relative error: {largest:.3e}')
    return largest


def _compare(kind: str, file: Recorded, values: Iterator[tuple[str, Tensor]]) -> list[float]:
    with torch.enable_grad():
        detached = ((name, value.detach()) for name, value in values)
        errors = print_errors(file, detached)
    if not errors:
        raise UserError(f'{file.path}: none of its arrays is one that icpc has a part for')
    for name in file.arrays:
        if name in errors:
            continue
        if name.startswith(_INPUTS.get(kind, ())) or name.endswith(_ENDS.get(kind, ('\0',))):
            continue
        say(f'  {name:<34} not compared: {_reason(name)}')
    return list(errors.values())


_REASONS: Mapping[str, str] = {
    'chosen': 'the words of `choice`, which is compared',
    'paths': 'the cells of `destinations`, `path_lengths` and `affinity`, which are compared',
}


def _reason(name: str) -> str:
    return _REASONS.get(name.rsplit('/', 1)[-1], 'icpc has no part that makes it yet')
