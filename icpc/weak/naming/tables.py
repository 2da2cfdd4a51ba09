"""A table of chosen names, held against the pictures, tags and names of a training."""

from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...console.messages import say
from ...errors import UserError, did_you_mean
from ..selection import read_choices
from ..stages.clims_classifier import CLIMSClassifier

_LISTED = 5  # pictures in a message


def places_of_table(path: str | Path, dataset: Dataset, model: CLIMSClassifier) -> Tensor:
    """(N, K) int16: the place of the chosen name among those of its class; -1 where it is no tag.

    Args:
        path: a JSON, picture -> class -> name; pictures are called as the tags call them.
        dataset: N pictures with tags.
        model: its names and classes.

    Raises:
        UserError: no such table, or one that lacks a picture or a class, or has a name that is
            none of the class's.
    """
    table = read_choices(path)
    classes = model.class_names[1:]
    places = torch.full((len(dataset), len(classes)), -1, dtype=torch.int16)
    lost, unread = [], 0
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        picture = dataset.name_of(info)
        row = table.get(picture, {})
        tagged = [classes[label] for label in info['tags'].nonzero()[0]]
        lost += [f'{picture} ({name})' for name in tagged if name not in row]
        for name, word in row.items():
            places_of = {one: place for place, one in enumerate(_names(model, name, path, picture))}
            if word not in places_of:
                raise UserError(
                    f'{path}: {picture}: {word!r} is no name of {name!r}'
                    f'{did_you_mean(word, places_of)} (model.names has {", ".join(places_of)})'
                )
            if name in tagged:
                places[index, classes.index(name)] = places_of[word]
            else:
                unread += 1
    if lost:
        raise UserError(
            f'{path}: no name is chosen for {len(lost)} classes of pictures, among them '
            f'{", ".join(lost[:_LISTED])}; make the table of the same tags, `icpc choose-names`'
        )
    if unread:
        say(f'note: {path}: {unread} names are of classes that are no tags of their pictures')
    return places


def _names(model: CLIMSClassifier, name: str, path: str | Path, picture: str) -> list[str]:
    classes = model.class_names[1:]
    if name not in classes:
        raise UserError(
            f'{path}: {picture}: {name!r} is no class of this data set{did_you_mean(name, classes)}'
        )
    return model.names[classes.index(name)]
