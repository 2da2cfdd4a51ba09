"""Configs and studies by name: files as they are, then what lies in the package or the checkout."""

from difflib import get_close_matches
from pathlib import Path

from ..errors import UserError
from .program import PACKAGE, name_of

_SHARED = '_base_'  # what configs are made of


def configs_folder() -> Path:
    """The folder of the packaged configs: in the installed package, or beside it in a checkout."""
    installed = PACKAGE / 'configs'
    return installed if installed.is_dir() else PACKAGE.parent / 'configs'


def packaged_configs() -> list[str]:
    """Names of all packaged configs and studies, such as `icpc/icpc_rn50_fpn_80k_ade20k-512`."""
    folder = configs_folder()
    names = (path.relative_to(folder).with_suffix('') for path in sorted(folder.rglob('*.py')))
    return [name.as_posix() for name in names if name.parts[0] != _SHARED]


def find_config(name: str | Path, kind: str = 'config') -> Path:
    """The file of a config or a study.

    Args:
        name: A file that is there; or the name of a packaged one, without `.py`: with its folder,
            or without it where only one has the name.
        kind: `config` or `study`, for messages.

    Raises:
        UserError: For no such file and no such name; tells what is near.
    """
    path = Path(name)
    if path.is_file():
        return path
    found = packaged_config(name)
    if found is None:
        raise UserError(f'{name}: no such {kind} file{_hint(path.as_posix(), packaged_configs())}')
    return found


def packaged_config(name: str | Path) -> Path | None:
    """The file of a packaged config by its name, as in `find_config`; None where none is meant."""
    names, asked = packaged_configs(), Path(name).as_posix()
    alike = [known for known in names if known.rpartition('/')[2] == asked]
    if asked in names:
        alike = [asked]
    return configs_folder() / f'{alike[0]}.py' if len(alike) == 1 else None


def _hint(asked: str, names: list[str]) -> str:
    bare = asked.removesuffix('.py').removeprefix('configs/')
    by_stem = {name.rpartition('/')[2]: name for name in names}
    near = [bare] if bare in names else get_close_matches(bare, names, 1, 0.8)
    near = near or [by_stem[stem] for stem in get_close_matches(bare, by_stem, 1, 0.8)]
    if near:
        return f'; did you mean the packaged {near[0]}?'
    if '/' not in asked and not asked.endswith('.py') and names:
        return f', and no packaged one; `{name_of("configs")}` lists them'
    return ''
