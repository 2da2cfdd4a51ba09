"""The words of classes, and from words to classes."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..class_lookup import SEPARATOR, class_indices
from ..errors import UserError

logger = logging.getLogger('icpc')


class Vocabulary(NamedTuple):
    """The words of classes.

    Attributes:
        words: Q of them, those of a class side by side, in the order of the classes.
        owners: (Q,) the class of each word.
    """

    words: list[str]
    owners: list[int]


def vocabulary_of(
    class_names: Sequence[str], synonyms: Mapping[str, str] | None = None
) -> Vocabulary:
    """The words of classes.

    Args:
        class_names: K names; several words of one are separated by ``;``.
        synonyms: class name -> its words, separated by ``;``, in place of the name.

    Raises:
        UserError: a class that is not there, or one without words.
    """
    lines = list(class_names)
    for name, words in (synonyms or {}).items():
        (place,) = class_indices([name], class_names, 'model.synonyms')
        lines[place] = words
    split, owners, first = [], [], {}
    for k, line in enumerate(lines):
        words = list(dict.fromkeys(word.strip() for word in line.split(SEPARATOR)))
        words = [word for word in words if word]
        if not words:
            raise UserError(f'class {k}, {class_names[k]!r}, has no word')
        for word in words:
            if first.setdefault(word.lower(), k) != k:
                logger.info(
                    f'{word!r} is a word of {class_names[first[word.lower()]]!r} and of '
                    f'{class_names[k]!r}: the first of them gets its pixels'
                )
        split += words
        owners += [k] * len(words)
    return Vocabulary(split, owners)


def best_of_classes(values: Tensor, owners: Tensor, classes: Sequence[int]) -> Tensor:
    """The highest value of a class's words.

    Args:
        values: (Q, ...).
        owners: (Q,) the class of each word.
        classes: those wanted, each with a word.

    Returns:
        (len(classes), ...).
    """
    return torch.stack([values[owners == k].amax(dim=0) for k in classes])


def class_logits(
    cosines: Tensor, vocabulary: Vocabulary, scale: float, threshold: float | None
) -> Tensor:
    """Logarithms of the classes' probabilities; the best class is the prediction.

    They do not sum to one where a class has several words: the highest counts. Class 0 has the
    threshold at least, which is what falling below it means.

    Args:
        cosines: (Q, ...) of the words.
        vocabulary: of the words.
        scale, threshold: as for :class:`ZeroShotSegmentor`.

    Returns:
        (K, ...).
    """
    owners = torch.tensor(vocabulary.owners, device=cosines.device)
    words = torch.log_softmax(cosines * scale, dim=0)
    classes = vocabulary.owners[-1] + 1
    logits = words if len(words) == classes else best_of_classes(words, owners, range(classes))
    if threshold is not None:
        first = logits[:1].clamp(min=math.log(threshold))
        logits = torch.cat([first, logits[1:]])
    return logits
