"""COCO 2014, 80 classes: masks drawn from the outlines of its instances."""

import json
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ....errors import UserError
from ... import manifest
from ..masks import encode_ids
from ..plan import Plan, stems
from ..sources import Source
from ..writing import Job

_SPLITS = {'train2014': 'training', 'val2014': 'validation'}
_CLASSES = 80
_IGNORED = 255


class Shape(NamedTuple):
    """An instance.

    Attributes:
        label: 1 .. 80, by ascending category id.
        area: In pixels.
        outlines: Polygons, (n, 2) of x and y each; or one array of a crowd's run lengths, column
            by column, the outside first.
        crowd: Whether it is a crowd.
    """

    label: int
    area: float
    outlines: list[np.ndarray]
    crowd: bool


def plan(source: Source) -> Plan:
    """COCO 2014: train2014, val2014 and instances_{train,val}2014.json, zipped or not.

    Masks hold 0 where no instance is, 1 .. 80 elsewhere, smaller instances over larger ones, and
    255 for crowds where nothing else is: of those only the rough region is known.
    """
    jobs, settings = [], dict(dataset='coco2014')
    for split, folder in _SPLITS.items():
        path = source.one(f'instances_{split}.json')
        content = source.read(path)
        settings[split] = manifest.fingerprint(content)
        pictures = stems(source.under(split, '.jpg'), '.jpg')
        found = _instances(content, path)
        lost = sorted(found.keys() - pictures.keys())
        if lost:
            raise UserError(
                f'--source {source.root}: {len(lost)} of {len(found)} pictures of {path} are not '
                f'in {split}, among them {lost[0]}.jpg; is the download complete?'
            )
        jobs.append(Job(f'annotations/instances_{split}.json', path))
        for name, (size, shapes) in sorted(found.items()):
            jobs.append(Job(f'images/{folder}/{name}.jpg', pictures[name]))
            drawn = partial(draw, size=size, shapes=shapes)
            jobs.append(Job(f'annotations/{folder}/{name}.png', pictures[name], drawn))
    return Plan(jobs, settings)


def draw(content: bytes, size: tuple[int, int], shapes: list[Shape]) -> bytes:
    """The mask of a picture, as PNG.

    Args:
        content: Of the picture, which is not looked at.
        size: H, W.
        shapes: Its instances.
    """
    ids = Image.new('L', size[::-1])
    crowds = np.zeros(size, bool)
    pen = ImageDraw.Draw(ids)
    for shape in sorted(shapes, key=lambda one: -one.area):
        for outline in shape.outlines:
            if shape.crowd:
                runs = np.arange(len(outline)) % 2 == 1
                crowds |= np.repeat(runs, outline).reshape(size[::-1]).T
            else:
                pen.polygon([tuple(point) for point in outline.tolist()], fill=shape.label)
    labels = np.array(ids)
    labels[crowds & (labels == 0)] = _IGNORED
    return encode_ids(labels)


def _instances(content: bytes, path: str) -> dict[str, tuple[tuple[int, int], list[Shape]]]:
    """Name of a picture without suffix -> its (H, W) and its instances, none for some."""
    try:
        tree = json.loads(content)
        labels = {one: i for i, one in enumerate(sorted(c['id'] for c in tree['categories']), 1)}
        sizes = {one['id']: (one['height'], one['width']) for one in tree['images']}
        found: dict[Any, list[Shape]] = {key: [] for key in sizes}
        for one in tree['annotations']:
            crowd = bool(one['iscrowd'])
            if crowd:
                outlines = [np.asarray(one['segmentation']['counts'], np.int64)]
            else:
                parts = [np.asarray(part, np.float32) for part in one['segmentation']]
                outlines = [part.reshape(-1, 2) for part in parts if part.size > 2]
            shape = Shape(labels[one['category_id']], float(one['area']), outlines, crowd)
            found[one['image_id']].append(shape)
        names = {one['id']: PurePosixPath(one['file_name']).stem for one in tree['images']}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{path}: no instances file of COCO (images, categories, annotations): {error!r}'
        ) from error
    if len(labels) != _CLASSES:
        raise UserError(f'{path}: {len(labels)} categories, but COCO 2014 has {_CLASSES}')
    return {names[key]: (sizes[key], shapes) for key, shapes in found.items()}
