"""`icpc print-config`: the finished config, and where each of its values comes from."""

from collections.abc import Sequence

from ...config.load import finish_config, merge_config, overrides_of
from ...config.overrides import parse_overrides
from ...errors import UserError, did_you_mean
from ...startup.packaged import find_config
from .origins import Keys, Origins, leaves


def config_lines(config: str, options: Sequence[str], only: str | None = None) -> list[str]:
    """A line `key = value  # origin` for each value of the finished config.

    Args:
        config: The path or the name of a config.
        options: Overrides, as `--cfg-options`.
        only: The key of the values to give, with all below it; None for all.

    Raises:
        UserError: For a config or an override that a training would refuse; for no such key.
    """
    path, given = find_config(config), parse_overrides(options)
    merged = merge_config(path, given)
    origins = Origins(path, merged.to_dict(), overrides_of(path), given)
    found = [(_key(way), way, value) for way, value in leaves(finish_config(merged).to_dict())]
    if only is not None:
        inside = [one for one in found if f'{one[0]}.'.startswith(f'{only}.')]
        if not inside:
            hint = did_you_mean(only, {_key(way[:n]) for _, way, _ in found for n in range(1, 4)})
            raise UserError(f'--only {only}: the config has no such key{hint}')
        found = inside
    return [f'{key} = {value!r}  # {origins.of(way, value)}' for key, way, value in found]


def _key(way: Keys) -> str:
    return '.'.join(map(str, way))
