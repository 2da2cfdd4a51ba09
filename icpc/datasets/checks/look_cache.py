"""Keeps what was seen of masks and pictures, so that a second start reads none of them again."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from pathlib import Path
from typing import Any

import cv2
import PIL
from torch.utils.data import Dataset

from ...errors import UserError
from ...files import write_text_atomically
from .. import mask_reading, picture_reading

Stamp = list[int]  # bytes and time of change in ns of the mask and of its picture


class LookCache:
    """What is known of the pairs of one dataset, read in one way.

    Each pair is known by the names, sizes and times of change of its two files. The file lies in
    the dataset's `data_root`, or in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`)
    where there is no such folder, nothing can be written, or pictures or masks lie in it directly.

    Args:
        dataset: A segmentation dataset.
        readers: The steps of its pipeline that load pictures and masks.
    """

    def __init__(self, dataset: Dataset, *readers: Any) -> None:
        self.root = os.path.abspath(getattr(dataset, 'data_root', None) or '.')
        reading = _reading(dataset, readers)
        self.places: list[Path] = [] if reading is None else _places(dataset, self.root, reading)
        self._pairs: dict[str, list] = {}
        for place in reversed(self.places):
            self._pairs.update(_read(place))
        self._changed = False

    def get(self, info: dict[str, Any]) -> tuple[Stamp | None, list | None]:
        """The stamp of a pair as it is now, and what is known of it.

        Args:
            info: Of the dataset's `get_data_info`.

        Returns:
            The stamp, None where a file is missing; what was put, None where that is not known.
        """
        try:
            found = [os.stat(info[key]) for key in ('seg_map_path', 'img_path')]
        except OSError:
            return None, None
        stamp = [number for one in found for number in (one.st_size, one.st_mtime_ns)]
        known = self._pairs.get(self._key(info))
        return stamp, known[1] if known and known[0] == stamp else None

    def put(self, info: dict[str, Any], stamp: Stamp, seen: list) -> None:
        """Remember a pair.

        Args:
            info: Of the dataset's `get_data_info`.
            stamp: Of `get`, taken before the files were read.
            seen: Anything that JSON keeps as it is.
        """
        self._pairs[self._key(info)] = [stamp, seen]
        self._changed = True

    def save(self) -> None:
        """Write what is new into the first place where that is possible; nowhere if in none."""
        text = json.dumps(self._pairs, separators=(',', ':')) if self._changed else ''
        for place in self.places if self._changed else ():
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                write_text_atomically(text, place)
            except (OSError, UserError):
                continue
            self._changed = False
            return

    def _key(self, info: dict[str, Any]) -> str:
        return '\n'.join(
            os.path.abspath(info[key]).removeprefix(self.root)
            for key in ('seg_map_path', 'img_path')
        )


def _places(dataset: Dataset, root: str, reading: str) -> list[Path]:
    """Where the file may lie, the best first."""
    hidden = Path(root) / f'.icpc-looked-at-{reading}.json'
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    beside = hashlib.sha256(root.encode()).hexdigest()[:16]
    own = Path(home) / 'icpc' / 'looked-at' / f'{beside}-{reading}.json'
    prefix = getattr(dataset, 'data_prefix', None) or {}
    folders = [Path(os.path.abspath(os.path.join(root, one))) for one in prefix.values() if one]
    within = [folder for folder in folders if folder == hidden.parent or folder in hidden.parents]
    # Nothing may come to lie among the pictures, whose folders are fingerprinted as data.
    outside = getattr(dataset, 'data_root', None) and folders and not within
    return [hidden, own] if outside and hidden.parent.is_dir() else [own]


def _read(place: Path) -> dict[str, list]:
    try:
        pairs = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return pairs if isinstance(pairs, dict) else {}


def _reading(dataset: Dataset, readers: tuple[Any, ...]) -> str | None:
    """Hash all that decides what is seen in a file; None where that cannot be known."""
    digest = hashlib.sha256()
    label_map = getattr(dataset, 'label_map', None)
    told = [
        *(cv2.__version__, PIL.__version__, dataset.metainfo['classes']),
        *(bool(dataset.reduce_zero_label), sorted(label_map.items()) if label_map else None),
        sorted((getattr(dataset, 'data_prefix', None) or {}).items()),
    ]
    sources = {mask_reading.__file__, picture_reading.__file__, __file__}
    for reader in readers:
        # MMSegmentation's sets this one from the dataset when it reads its first mask.
        settings = {k: v for k, v in vars(reader).items() if k != 'reduce_zero_label'}
        told.append((type(reader).__qualname__, sorted(settings.items())))
        try:
            sources |= {inspect.getfile(cls) for cls in type(reader).__mro__[:-1]}
        except (OSError, TypeError):
            return None  # a class without a file may change unseen
    text = repr(told)
    if ' at 0x' in text:
        return None  # an address says nothing about what is there
    digest.update(text.encode())
    for source in sorted(sources):
        digest.update(Path(source).read_bytes() if os.path.isfile(source) else b'')
    return digest.hexdigest()[:16]
