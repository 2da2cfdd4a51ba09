"""Which mask belongs to which of your pictures, by their names."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from ....errors import UserError
from .own_splits import Key

PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
MASKS = ('.png', '.bmp', '.gif', '.tif', '.tiff')
# What a mask's name may be of a picture's, without asking; upper and lower case are the same.
_AFTER = (
    *('mask', 'masks', 'label', 'labels', 'labelids', 'labeltrainids', 'trainids', 'l', 'gt'),
    *('gtfine_labelids', 'gtfine_labeltrainids', 'seg', 'segmentation', 'annotation', 'target'),
)
_KNOWN = {'{}', *(f'{{}}{mark}{word}' for word in _AFTER for mark in '_-.'), 'mask_{}', 'label_{}'}


def by_stem(files: dict[Key, str], suffixes: tuple[str, ...]) -> tuple[dict[Key, str], str]:
    """Files of those suffixes, in upper or lower case, by their names without; and what is left.

    Args:
        files: (split, path with suffix) -> whole path.
        suffixes: Lower case, with their points.

    Returns:
        The files, and a phrase such as '3 .txt', empty where nothing is left.

    Raises:
        UserError: One name with two suffixes.
    """
    found: dict[Key, str] = {}
    left: Counter[str] = Counter()
    for (split, name), path in sorted(files.items()):
        pure = PurePosixPath(name)
        if pure.suffix.lower() not in suffixes:
            left[pure.suffix or 'without suffix'] += 1
            continue
        # A Macintosh writes an accent as a sign of its own: the name is the same.
        key = split, unicodedata.normalize('NFC', str(pure.with_suffix('')))
        if key in found:
            raise UserError(
                f'{found[key]} and {path} are one picture in two formats; remove one of them'
            )
        found[key] = path
    return found, ', '.join(f'{count} {suffix}' for suffix, count in sorted(left.items()))


def mask_rule(pictures: Iterable[Key], masks: dict[Key, str]) -> str:
    """The mask's name of a picture's, such as '{}_mask', found by looking at the names.

    Raises:
        UserError: No rule, an unusual one or several; it asks for `--mask-name`.
    """
    pictures = sorted(pictures)
    seen = Counter(
        rule for key in pictures[:5] for other in masks for rule in [_rule(key, other)] if rule
    )
    fits = {
        rule: sum(named(rule, key) in masks for key in pictures)
        for rule in {'{}', *(rule for rule, _ in seen.most_common(20))}
    }
    most = max(fits.values())
    best = sorted(rule for rule, count in fits.items() if count == most)
    if most == 0:
        raise UserError(
            f'no mask has the name of a picture: there are the picture {pictures[0][1]!r} and the '
            f'mask {min(masks)[1]!r}; tell what the names have beside a common part {{}} with '
            "--mask-name, such as '{}_mask', and --image-name, such as '{}_photo'"
        )
    usual = ['{}'] if '{}' in best else [rule for rule in best if rule.lower() in _KNOWN]
    if len(usual) == 1:
        return usual[0]
    choices = ' or '.join(f"--mask-name '{rule}'" for rule in best[:6])
    raise UserError(
        f'the picture {pictures[0][1]!r} may have the mask '
        f'{" or ".join(repr(named(rule, pictures[0])[1]) for rule in best[:6])}; give {choices}'
    )


def named(rule: str, key: Key) -> Key:
    """The key with its file name put into a rule such as '{}_mask'."""
    pure = PurePosixPath(key[1])
    return key[0], str(pure.with_name(rule.replace('{}', pure.name)))


def unnamed(rule: str, key: Key) -> Key | None:
    """The key whose name a rule makes this one of; None where it does not fit."""
    before, _, after = rule.partition('{}')
    pure = PurePosixPath(key[1])
    middle = pure.name[len(before) : len(pure.name) - len(after)]
    if not middle or pure.name != f'{before}{middle}{after}':
        return None
    return key[0], str(pure.with_name(middle))


def checked_rule(rule: str, option: str) -> str:
    """The rule.

    Raises:
        UserError: Unless it has one `{}` and no folder.
    """
    if rule.count('{}') != 1 or '/' in rule:
        raise UserError(f"{option} {rule!r}: write {{}} once, for the common name: '{{}}_mask'")
    return rule


def _rule(picture: Key, mask: Key) -> str | None:
    """The rule that makes the mask's name of the picture's, if one does."""
    one, other = PurePosixPath(picture[1]), PurePosixPath(mask[1])
    if picture[0] != mask[0] or one.parent != other.parent or one.name not in other.name:
        return None
    return other.name.replace(one.name, '{}', 1)
