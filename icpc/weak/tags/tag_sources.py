"""Where tags come from: masks, XML annotations of VOC, instances of COCO."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ...errors import UserError, did_you_mean
from ...files import read_json
from .tag_files import Tags


def tags_of_labels(
    labels: np.ndarray, classes: Sequence[str], smallest: float = 0.0
) -> tuple[str, ...]:
    """The classes of a mask.

    Args:
        labels: (H, W) ids; 0 is the background, and what is no place in ``classes`` is ignored.
        classes: K + 1 names, the background first.
        smallest: the share of the picture, in 0..1, that a class must cover to be a tag.
    """
    ids, areas = np.unique(labels, return_counts=True)
    return tuple(
        classes[i]
        for i, area in zip(ids.tolist(), areas.tolist(), strict=True)
        if 0 < i < len(classes) and area > smallest * labels.size
    )


def tags_from_xml(folder: Path, pictures: Iterable[str], classes: Sequence[str]) -> Tags:
    """The classes of the objects of VOC's XML files, difficult ones too, as published for CLIMS.

    Args:
        folder: ``Annotations``, with a ``NAME.xml`` for each picture.
        pictures: names.
        classes: K names, without the background.

    Raises:
        UserError: a file that is missing or no annotation, or an object that is no class.
    """
    tags: Tags = {}
    for name in pictures:
        path = folder / f'{name}.xml'
        if not path.is_file():
            raise UserError(f"{path}: no such file; take the tags from masks (source='masks')")
        try:
            tree = ElementTree.parse(path)
        except (ElementTree.ParseError, LookupError, ValueError) as error:
            raise UserError(f'{path}: no XML: {error}') from error
        if tree.getroot().tag != 'annotation':
            raise UserError(f'{path}: no <annotation> of VOC, but a <{tree.getroot().tag}>')
        found = {(one.findtext('name') or '').strip() for one in tree.findall('object')}
        for word in sorted(found - set(classes)):
            raise UserError(f'{path}: the object {word!r} is no class{did_you_mean(word, classes)}')
        tags[name] = tuple(one for one in classes if one in found)
    return tags


def tags_from_coco(
    path: Path, classes: Sequence[str], pictures: Iterable[str] | None = None
) -> Tags:
    """The classes of each picture of COCO's ``instances_*.json``; pictures without any, too.

    Args:
        path: the file.
        classes: K names, without the background.
        pictures: names of those that must be among them.

    Raises:
        UserError: a file that is no such one, a category that is no class, or a picture without
            an entry, or with two.
    """
    tree = read_json(path, 'put back a whole copy')
    try:
        categories = {one['id']: one['name'] for one in tree['categories']}
        stems = {one['id']: Path(one['file_name']).stem for one in tree['images']}
        found: dict[str, set[str]] = {stem: set() for stem in stems.values()}
        for one in tree['annotations']:
            found[stems[one['image_id']]].add(categories[one['category_id']])
    except (KeyError, TypeError) as error:
        raise UserError(
            f'{path}: no instances file of COCO (images, categories, annotations): {error!r}'
        ) from error
    if len(found) < len(stems):
        (twice, count), *_ = Counter(stems.values()).most_common(1)
        raise UserError(f'{path}: {count} of its images are called {twice}; their tags would mix')
    lost = [name for name in pictures or () if name not in found]
    if lost:
        more = ', '.join(lost[:5])
        raise UserError(f'{path}: {len(lost)} pictures are none of its images, among them {more}')
    for word in sorted(set(categories.values()) - set(classes)):
        raise UserError(f'{path}: the category {word!r} is no class{did_you_mean(word, classes)}')
    return {stem: tuple(one for one in classes if one in words) for stem, words in found.items()}
