"""Procedural scenes on disk, in ADE20K's layout."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from icpc.datasets.scenes.composition import GENERATOR_VERSION, generate_scene
from icpc.files import put_in_place

META_FILE = 'meta.json'


def _save_png(path: Path, array: np.ndarray) -> None:
    with put_in_place(path) as temporary:
        Image.fromarray(array).save(temporary, format='PNG')


def scene_paths(root: Path, split: str, index: int) -> tuple[Path, Path]:
    """Paths of a picture and of its mask."""
    name = f'{index:05d}.png'
    return root / 'images' / split / name, root / 'annotations' / split / name


def _plan(counts: dict[str, int], size: int, seed: int) -> dict[str, object]:
    return {'generator_version': GENERATOR_VERSION, 'seed': seed, 'size': size, 'counts': counts}


def _read_meta(root: Path) -> dict[str, object]:
    path = root / META_FILE
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_meta(root: Path, meta: dict[str, object]) -> None:
    with put_in_place(root / META_FILE) as temporary:
        temporary.write_text(json.dumps(meta, indent=1))


def is_written(root: Path, counts: dict[str, int], size: int = 128, seed: int = 0) -> bool:
    """Tell whether a folder already holds exactly these scenes, complete."""
    meta = _read_meta(root)
    plan = {**_plan(counts, size, seed), 'complete': True}
    if any(meta.get(key) != value for key, value in plan.items()):
        return False
    files = (file for s, n in counts.items() for i in range(n) for file in scene_paths(root, s, i))
    return all(file.is_file() for file in files)


def _prepare_folders(root: Path, counts: dict[str, int]) -> None:
    """Make the folders of the splits and drop pictures beyond the counts."""
    if not _read_meta(root) and any((root / part).exists() for part in ('images', 'annotations')):
        raise FileExistsError(
            f'{root} holds a dataset that is not ours (no {META_FILE}): choose another --out'
        )
    for split, count in counts.items():
        for path in scene_paths(root, split, 0):
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in path.parent.glob('[0-9]*.png'):
                if int(old.stem) >= count:
                    old.unlink()


def write_scenes(
    root: Path, counts: dict[str, int], size: int = 128, seed: int = 0
) -> Iterator[tuple[str, int]]:
    """Write scenes in ADE20K's layout, each file under a temporary name first.

    Args:
        root: the folder: images/SPLIT/00000.png, annotations/SPLIT/00000.png, meta.json.
        counts: number of pictures of each split.
        size: height and width in pixels.
        seed: the seed of the dataset.

    Yields:
        Split and index of each picture just written. meta.json says at the end that the folder
        is complete, and the condition of each picture.

    Raises:
        FileExistsError: when the folder holds a dataset of somebody else.
    """
    _prepare_folders(root, counts)
    plan = _plan(counts, size, seed)
    _write_meta(root, {**plan, 'complete': False})
    conditions: dict[str, list[str]] = {split: [] for split in counts}
    for split, count in counts.items():
        for index in range(count):
            scene = generate_scene(split, index, size, seed)
            image, mask = scene_paths(root, split, index)
            _save_png(image, scene.image)
            _save_png(mask, scene.labels)
            conditions[split].append(scene.condition)
            yield split, index
    _write_meta(root, {**plan, 'complete': True, 'conditions': conditions})
