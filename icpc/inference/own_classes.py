"""Classes that a user names: a list, or a text with commas; synonyms stand behind a `;`."""

from collections.abc import Sequence

from ..class_lookup import SEPARATOR
from ..errors import UserError
from ..names_file import refuse_repeated


def vocabulary(classes: str | Sequence[str]) -> tuple[str, ...]:
    """The lines of a vocabulary, one for each class, words without outer spaces.

    Args:
        classes: Such as `['dog;puppy', 'cat']` or `'dog;puppy, cat'`.

    Raises:
        UserError: Fewer than two classes, one that begins without a word, or one that comes twice.
    """
    names = classes.split(',') if isinstance(classes, str) else classes
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UserError(f"classes must be a list of names such as ['dog', 'cat'], got {classes!r}")
    lines = []
    for place, name in enumerate(names):
        words = [' '.join(word.split()) for word in name.split(SEPARATOR)]
        if not words[0]:
            raise UserError(
                f'classes: number {place + 1} of {len(names)}, {name!r}, begins without a name'
            )
        words = list(dict.fromkeys(word for word in words if word))
        lines.append(SEPARATOR.join(words))
    if len(lines) < 2:
        raise UserError(
            f'classes: {lines} leaves nothing to tell apart: every pixel gets the one that is '
            'nearest; add what else is in the picture, such as background'
        )
    refuse_repeated([first_word(line) for line in lines], 'classes')
    return tuple(lines)


def first_word(line: str) -> str:
    """What a class is called: its first word."""
    return line.split(SEPARATOR)[0]
