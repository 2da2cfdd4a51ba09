"""Checks a memory budget that a user sets."""


def check_memory_budget(mib: float | None, key: str) -> float | None:
    """The budget itself.

    Args:
        mib: in MiB; None for no limit.
        key: the key of the config, for the message.

    Raises:
        ValueError: it is no positive number.
    """
    if mib is None or (isinstance(mib, int | float) and not isinstance(mib, bool) and mib > 0):
        return mib
    raise ValueError(f'{key} is in MiB and must be above 0, or None for no limit; got {mib!r}')
