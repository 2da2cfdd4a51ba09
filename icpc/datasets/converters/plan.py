"""What a converter decides before anything is written."""

from dataclasses import dataclass, field
from typing import Any

from ...errors import UserError
from .sources import Source
from .writing import Job


@dataclass
class Plan:
    """A dataset to write.

    Attributes:
        jobs: Its files.
        settings: What the result depends on, for the manifest.
        texts: Small text files beside them.
        notes: What the user should know, a sentence each.
        shown: Fingerprints of what pictures show, by their targets, where they were decoded.
    """

    jobs: list[Job]
    settings: dict[str, Any]
    texts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)


def pairs(
    source: Source,
    images: dict[str, str],
    masks: dict[str, str],
    what: str,
    advice: str = 'is the download complete?',
) -> list[tuple[str, str, str]]:
    """(name without suffix, picture, mask) of a split; every mask needs its picture.

    Args:
        source: For messages.
        images: Name without suffix -> path of the pictures.
        masks: The same of the masks.
        what: The split, for messages.
        advice: What may be wrong where a file has no partner, for messages.

    Raises:
        UserError: When there are no masks, or masks without picture.
    """
    if not images or not masks:
        lacking = 'pictures' if not images else 'masks'
        raise UserError(
            f'--source {source.root}: no {lacking} of {what} found; it holds {source.overview()}'
        )
    lonely = sorted(set(masks) - set(images)) or sorted(set(images) - set(masks))
    if lonely:
        has, lacks = ('a mask', 'picture') if lonely[0] in masks else ('a picture', 'mask')
        raise UserError(
            f'--source {source.root}: {len(lonely)} files of {what} have {has} but no {lacks}, '
            f'among them {", ".join(lonely[:3])}; {advice}'
        )
    return [(name, images[name], masks[name]) for name in sorted(masks)]


def stems(files: dict[str, str], suffix: str) -> dict[str, str]:
    """Keys without a suffix."""
    return {name[: -len(suffix)]: path for name, path in files.items()}
