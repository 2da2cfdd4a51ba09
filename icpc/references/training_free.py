"""Recorded values of training-free segmentation, a folder of them, held against ours."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..console.messages import say
from ..errors import UserError, described
from ..foreign_files.arrays import NotPlainArrays, read_arrays
from .recorded_text import text_error
from .recorded_towers import Recorded, resnet_values, vit_values
from .zero_shot_protocol import protocol_values

# Of names, these are their beginnings or the whole.
_INPUTS = ('images/', 'state/', 'token_rows/', 'vfm/', 'gem/names', 'gem/token_ids', 'pamr/image')
_ALONE = ('picture', 'query_names', 'templates', 'text', 'pamr/map')


def report(folder: str | Path) -> float:
    """Prints the relative error of every recorded array that icpc has a part for, and the others.

    A file is known by what is in it, whatever its name.

    Args:
        folder: With `.npz` files of a vision transformer, a ResNet or a protocol of prediction.

    Returns:
        The largest error: the largest difference over an array's largest value, or the share of
        its whole numbers that differ.

    Raises:
        UserError: No such file is there, or one lacks a part.
    """
    files = files_by_kind(folder, _kind)
    if not files:
        raise UserError(
            f'{folder} holds no reference values: no .npz with the weights of a vision '
            'transformer or a ResNet, or with a protocol, and their config'
        )
    if 'protocol' in files and 'vit' not in files:
        raise UserError(f'{files["protocol"].path}: the file of its vision transformer is missing')
    errors = []
    if 'vit' in files:
        errors += _compare(files['vit'], vit_values(files['vit']))
    if 'resnet' in files:
        errors += _compare(files['resnet'], resnet_values(files['resnet']))
    if 'protocol' in files:
        errors += _compare(files['protocol'], protocol_values(files['protocol'], files['vit']))
    largest = max(errors)
    say(f'max relative error: {largest:.3e}')
    return largest


def relative_error(ours: Tensor, recorded: Tensor) -> float:
    """The largest difference over the largest value, or the share of whole numbers that differ.

    What is nan in both is equal; what is nan in one is infinitely wrong.
    """
    if ours.shape != recorded.shape:
        return float('inf')
    if not recorded.is_floating_point():
        return float((ours.long() != recorded.long()).double().mean())
    ours, recorded = ours.double(), recorded.double()
    both = ours.isnan() & recorded.isnan()
    ours, recorded = ours.masked_fill(both, 0), recorded.masked_fill(both, 0)
    difference = (ours - recorded).abs().nan_to_num(nan=float('inf'))
    return float(difference.max() / recorded.nan_to_num(nan=0).abs().max().clamp(min=1e-30))


def files_by_kind(folder: str | Path, kind_of: Callable[[Recorded], str]) -> dict[str, Recorded]:
    """The recorded files of a folder.

    Raises:
        UserError: Two are of one kind.
    """
    files: dict[str, Recorded] = {}
    for path in sorted(Path(folder).glob('*.npz')):
        for kind, file in read_recorded(path, kind_of):
            if kind in files:
                raise UserError(
                    f'{path} and {files[kind].path}: two of one kind; compare them apart'
                )
            files[kind] = file
    return files


def read_recorded(path: Path, kind_of: Callable[[Recorded], str]) -> Iterator[tuple[str, Recorded]]:
    """What kind of file it is, and its content; nothing for a file of another kind."""
    try:
        arrays = read_arrays(path)
    except NotPlainArrays as error:
        raise UserError(f'{path}: refused, it must hold plain arrays alone: {error}') from error
    try:
        config = json.loads(str(arrays.pop('config')))
    except (KeyError, ValueError):
        return
    file = Recorded(path, config, arrays)
    if kind := kind_of(file):
        yield kind, file


def _kind(file: Recorded) -> str:
    if {'templates', 'picture'} <= file.arrays.keys():
        return 'protocol'
    if any(name.startswith('state/visual.') for name in file.arrays):
        return 'vit' if 'patch' in file.config else 'resnet'
    return ''


def _compare(file: Recorded, values: Iterator[tuple[str, Tensor]]) -> list[float]:
    with torch.no_grad():
        errors = print_errors(file, values)
    rest = [
        name
        for name in file.arrays
        if name not in errors and not name.startswith(_INPUTS) and name not in _ALONE
    ]
    if rest:
        say(f'  not compared, icpc has no such part: {", ".join(rest)}')
    if not errors:
        raise UserError(f'{file.path}: none of its arrays is one that icpc has a part for')
    return list(errors.values())


def print_errors(file: Recorded, values: Iterator[tuple[str, Any]]) -> dict[str, float]:
    """Prints and returns the relative error of every array that is recorded and in `values`.

    Args:
        file: What is recorded.
        values: Names with tensors, or with what `recorded_text.text_error` takes.
    """
    say(file.path.name)
    errors = {}
    try:
        for name, ours in values:
            if name not in file.arrays:
                continue
            if isinstance(ours, Tensor):
                errors[name] = relative_error(ours, file.tensor(name))
            else:
                errors[name] = text_error(ours, file.text(name))
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
        raise UserError(f'{file.path}: not as its format says: {described(error)}') from error
    for name, error in errors.items():
        say(f'  {name:<34} {error:.3e}')
    return errors
