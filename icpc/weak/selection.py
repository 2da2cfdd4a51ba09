"""POLE's prompt class learning: which of a class's names fits the class in one picture."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import functional as TF

from ..errors import UserError
from ..names_file import read_lines

# picture -> class -> name
Choices = dict[str, dict[str, str]]


class NameChoice(NamedTuple):
    """What is chosen for the classes of one picture.

    Attributes:
        similarities: (classes, T) cosines of masked pictures and names.
        index: (classes,) of the first best name.
    """

    similarities: Tensor
    index: Tensor


def masked_pictures(picture: Tensor, cam: Tensor, published: bool = False) -> Tensor:
    """The picture under each class's activation, uint8 (classes, H, W, 3).

    Args:
        picture: uint8 (H, W, 3), RGB.
        cam: (classes, H, W) in [0, 1].
        published: With the slips of the published code: channels in the order BGR, and values of
            0 .. 255 times 255 that overflow a byte. Most colours are then wrong.
    """
    if published:
        product = picture.flip(-1).float() * cam[..., None].float() * 255
        return (product.long() % 256).to(torch.uint8)
    return (picture.float() * cam[..., None].float()).to(torch.uint8)


def clip_picture(picture: np.ndarray, size: int = 224) -> Tensor:
    """CLIP's own preprocessing: the short side to a length, bicubic, and the square in the middle.

    Args:
        picture: uint8 (H, W, 3), RGB.
        size: In pixels.

    Returns:
        (3, size, size) in 0..1; CLIP's mean and deviation are for the caller.
    """
    image = TF.resize(Image.fromarray(picture), size, TF.InterpolationMode.BICUBIC)
    return TF.to_tensor(TF.center_crop(image, [size, size]))


def choose_names(pictures: Tensor, names: Tensor) -> NameChoice:
    """The name that is nearest to each masked picture; of equal ones the first.

    Names compete with those of their own class alone.

    Args:
        pictures: (classes, D) embeddings of masked pictures.
        names: (classes, T, D) embeddings of the texts of T names.
    """
    near = F.normalize(pictures, dim=-1)[:, None] * F.normalize(names, dim=-1)
    similarities = near.sum(-1)
    best = similarities == similarities.amax(1, keepdim=True)
    return NameChoice(similarities, best.int().argmax(1))


def read_candidates(path: str | Path, classes: Sequence[str]) -> dict[str, list[str]]:
    """Names of every class from a text file with lines `class: name, name, ...`.

    Empty lines and lines that begin with `#` do not count. Classes may have different counts.

    Args:
        path: The file.
        classes: Those that the file must have, and no others.

    Raises:
        UserError: A line of another form, a class twice, one that is missing or unknown, a name
            that is empty or comes twice.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{path}: no such file of candidate names')
    found: dict[str, list[str]] = {}
    for number, line in enumerate(read_lines(path, str(path)), 1):
        if not line.strip() or line.strip().startswith('#'):
            continue
        head, colon, rest = line.partition(':')
        name, words = head.strip(), [word.strip() for word in rest.split(',')]
        where = f'{path}: line {number}'
        if not colon or not name or not all(words):
            raise UserError(f'{where}: must be `class: name, name, ...`, got {line.strip()!r}')
        if name in found:
            raise UserError(f'{where}: the class {name!r} comes twice')
        if name not in classes:
            raise UserError(f'{where}: {name!r} is no class of this data set: {", ".join(classes)}')
        twice = [word for word, count in Counter(words).items() if count > 1]
        if twice:
            raise UserError(f'{where}: the name {twice[0]!r} comes twice')
        found[name] = words
    missing = [name for name in classes if name not in found]
    if missing:
        raise UserError(f'{path}: no names for {", ".join(missing)}; add a line for each')
    return found


def write_choices(path: str | Path, choices: Choices) -> None:
    """Writes the table of choices, picture -> class -> name, as JSON."""
    text = json.dumps(choices, indent=1, ensure_ascii=False)
    Path(path).write_text(text + '\n', encoding='utf-8')


def read_choices(path: str | Path) -> Choices:
    """Reads a table of choices.

    Raises:
        UserError: The file is missing, no JSON, or not picture -> class -> name.
    """
    try:
        table = json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise UserError(f'{path}: no such table of chosen names') from error
    except (ValueError, RecursionError) as error:
        raise UserError(f'{path}: not a JSON file: {error}') from error
    fits = isinstance(table, dict) and all(
        isinstance(row, dict) and all(isinstance(name, str) and name for name in row.values())
        for row in table.values()
    )
    if not fits:
        raise UserError(f'{path}: must be {{picture: {{class: name}}}}')
    return table


class ClassSummary(NamedTuple):
    """How the names of one class are used.

    Attributes:
        counts: Name -> pictures, the most frequent first.
        own_share: Of the pictures that keep the data set's own name.
    """

    counts: dict[str, int]
    own_share: float


def summary(choices: Choices, own: Mapping[str, str]) -> dict[str, ClassSummary]:
    """What was chosen, by class.

    Args:
        choices: picture -> class -> name.
        own: The data set's name by class; a class that is not in it is called as its key.
    """
    counts: dict[str, Counter] = {}
    for row in choices.values():
        for class_name, name in row.items():
            counts.setdefault(class_name, Counter())[name] += 1
    return {
        key: ClassSummary(dict(count.most_common()), count[own.get(key, key)] / count.total())
        for key, count in counts.items()
    }
