"""Checkpoints that are never half-written, hold plain types only, and load without running code."""

import json
import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors import safe_open
from safetensors.torch import load_file

from ..errors import UserError, described
from ..files import Replacing
from ..foreign_files.torch_archives import bytes_of, check_archive, check_growth
from .packaged_text import packaged_text

POINTER = 'last_checkpoint'
_STEPS = re.compile(r'iter_(0|[1-9][0-9]*)\.pth')


class Damaged(UserError):
    """A checkpoint that is not what was once written.

    Args:
        path: The path of the file.
        reason: Such as `is damaged (...)`.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f'{path}: {reason}; take a whole copy of it or an earlier checkpoint')
        self.reason = reason


def load_checkpoint(path: str | Path, map_location: str | torch.device = 'cpu') -> dict[str, Any]:
    """Read a checkpoint with `weights_only=True`: a crafted file is refused, nothing in it runs.

    A `.safetensors` file gives its tensors as `state_dict`, and the `classes` that its header may
    name; it has no checksums. Where its header names a packaged CLIP as `text`, that gives the text
    tower which the file lacks.

    Raises:
        Damaged: When the file cannot be read, or a checksum is wrong.
        UserError: When it is missing, or holds anything but tensors and plain types.
    """
    path = Path(path)
    if path.is_dir():
        names = sorted(f.name for f in path.iterdir() if f.suffix in ('.pth', '.safetensors'))
        hint = f'give one in it: {", ".join(names)}' if names else 'there is none in it'
        raise UserError(f'{path} is a folder, not a checkpoint; {hint}')
    if not path.is_file():
        raise UserError(f'{path}: no such checkpoint')
    try:
        if path.suffix == '.safetensors':
            device = 'cpu' if str(map_location) == 'meta' else str(map_location)
            state = load_file(path, device=device)
            entries = _entries(path)
            missing = packaged_text(entries.get('text')).items()
            state |= {key: value for key, value in missing if key not in state}
            return {'state_dict': state, **_named_classes(entries)}
        check_archive(path)
        found = torch.load(path, map_location=map_location, weights_only=True)
        check_growth(found, path)
        return _checked(found)
    except pickle.UnpicklingError as error:
        raise UserError(
            f'{path}: refused, it does not load with weights_only=True, so loading it could run '
            'code. Convert it where you trust it: keep the state dict only and save that again.'
        ) from error
    except Exception as error:  # wrong bytes make torch fail in any way
        raise Damaged(path, f'is damaged or no checkpoint ({described(error)})') from error


def _checked(found: Any) -> dict[str, Any]:
    """The same, if it is a dict whose known parts are what they have to be."""
    if not isinstance(found, dict):
        raise ValueError('it holds no dict')
    refuse_no_tensors(found.get('state_dict', {}))
    meta = found.get('meta') or {}
    if not isinstance(meta, dict) or not _are_names(meta.get('classes') or []):
        raise ValueError('its meta is none that training wrote')
    return found


def refuse_no_tensors(state: Any) -> None:
    """Raise unless a state dict maps names to tensors.

    Raises:
        ValueError: With the first that is none.
    """
    if not isinstance(state, dict):
        raise ValueError('its state dict is no dict')
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise ValueError(f'{key!r} in its state dict is no tensor')


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _entries(path: Path) -> dict[str, str]:
    with safe_open(path, 'pt') as file:
        return file.metadata() or {}


def _named_classes(entries: dict[str, str]) -> dict[str, Any]:
    try:
        names = json.loads(entries.get('classes') or '[]')
    except (ValueError, RecursionError):  # another program's entry
        return {}
    return {'classes': names} if _are_names(names) and names else {}


def check_loads_safely(path: str | Path) -> None:
    """Raise unless `path` is a checkpoint that loads without running code."""
    load_checkpoint(path, map_location='meta')


def save_atomically(checkpoint: dict[str, Any], path: Path) -> None:
    """Write beside `path`, sync, rename: `path` is the old file or the new one, never a part.

    Raises:
        UserError: When the disk is full, or the file cannot be written for another reason.
    """
    with Replacing(path, bytes_of(checkpoint)) as file:
        torch.save(checkpoint, file)


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint that the pointer of `work_dir` names.

    None before the first one, and where the pointer is damaged.
    """
    pointer = Path(work_dir) / POINTER
    try:
        name = pointer.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Path(work_dir) / name if re.fullmatch(r'[\w.-]+\.pth', name) else None


def steps_in(folder: Path) -> dict[int, Path]:
    """The checkpoints that training wrote into a folder: optimiser steps -> `iter_<steps>.pth`."""
    files = [path for path in folder.glob('iter_*.pth') if path.is_file()]
    return {step: path for path in files if (step := steps_of(path)) is not None}


def steps_of(path: Path) -> int | None:
    """The optimiser steps that the name of a checkpoint tells, None for another name."""
    match = _STEPS.fullmatch(path.name)
    return match and int(match[1])


def plain(value: Any) -> Any:
    """Turn numpy values and log histories into types that load with `weights_only=True`."""
    if isinstance(value, HistoryBuffer):
        logs, counts = value.data
        return {
            'logs': torch.as_tensor(logs),
            'counts': torch.as_tensor(counts),
            'max_length': value.max_length,
        }
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value


def drop_foreign(info: dict[str, Any]) -> dict[str, Any]:
    """Leave out the entries that are no plain values: objects that hooks keep for themselves."""
    return {key: plain(item) for key, item in info.items() if _is_plain(plain(item))}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return _all_plain(value.keys()) and _all_plain(value.values())
    if isinstance(value, (list, tuple)):
        return _all_plain(value)
    return value is None or isinstance(value, (bool, int, float, str, bytes, torch.Tensor))


def _all_plain(values: Iterable[Any]) -> bool:
    return all(_is_plain(value) for value in values)


def history(buffer: dict[str, Any]) -> HistoryBuffer:
    """Undo `plain` for one log history."""
    return HistoryBuffer(buffer['logs'].tolist(), buffer['counts'].tolist(), buffer['max_length'])
