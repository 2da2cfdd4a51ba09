"""From class names that a user wrote to indices."""

from collections.abc import Sequence

from .errors import UserError, did_you_mean

SEPARATOR = ';'  # of several words for one class


def class_indices(chosen: Sequence[str], names: Sequence[str], where: str) -> list[int]:
    """Indices of some classes, in the order given; outer spaces do not count.

    Args:
        chosen: At least one name.
        names: All K names, in label order.
        where: The variable or file that an error names.

    Raises:
        UserError: An unknown or repeated name, or none at all.
    """
    places = {name.strip(): index for index, name in enumerate(names)}
    if isinstance(chosen, str) or not isinstance(chosen, Sequence) or not chosen:
        raise UserError(f'{where} must be a list of class names, or None; got {chosen!r}')
    wanted = [str(name).strip() for name in chosen]
    for name in wanted:
        if name not in places:
            raise UserError(f'{where}: there is no class {name!r}{did_you_mean(name, places)}')
    if len(set(wanted)) < len(wanted):
        raise UserError(f'{where}: {wanted} names a class twice')
    return [places[name] for name in wanted]
