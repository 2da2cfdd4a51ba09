"""Where a model comes from: a run, a checkpoint, a published folder, the Hub, or the package."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from ..checkpoints.content import steps_in
from ..checkpoints.newest import newest_whole
from ..config.load import load_config
from ..errors import UserError, did_you_mean
from ..files import read_json
from ..foreign_files.hub import HUB, from_hub
from ..foreign_files.plain_values import read_values
from ..run_dir.fingerprints import PACKAGE
from ..run_dir.record import RESOLVED
from ..startup.program import typed

WEIGHTS, CONFIG = 'model.safetensors', 'config.py'
CARD, ABOUT = 'README.md', 'config.json'  # nothing here reads them
CHECKPOINTS = ('.pth', '.safetensors')
PACKAGED = {'scenes': PACKAGE / 'assets' / 'scenes_icpc'}
_ALLOWED = (
    "a run's work dir, a checkpoint (.pth), a folder that tools/publish.py wrote, "
    f'{HUB}org/name, or a packaged model ({", ".join(PACKAGED)})'
)


class Source(NamedTuple):
    """The two files of a model.

    Attributes:
        weights: The path of the checkpoint or of the published weights.
        tree: The config's plain values; `${...}` may not be resolved yet.
        config: What an error about the config names.
    """

    weights: Path
    tree: dict[str, Any]
    config: str


def find_source(source: str | Path, config: Any = None) -> Source:
    """Find weights and config; nothing that stands in a source is executed.

    Args:
        source: See `icpc.load_model`.
        config: The path of a config for a checkpoint that has none beside it. A config is Python
            and is run, so name one that you trust.

    Raises:
        UserError: It is none of what is allowed, or one of its parts is missing.
    """
    if not isinstance(source, (str, Path)):
        raise UserError(f'load_model takes {_ALLOWED}; got {type(source).__name__}')
    if isinstance(source, str) and source.startswith(HUB):
        path = _from_hub(source)
    elif str(source) in PACKAGED and not (Path(source) / CONFIG).is_file():
        path = PACKAGED[str(source)]
    else:
        path = Path(source).expanduser()
    if path.is_dir():
        weights = _weights_in(path)
    elif path.is_file() and path.suffix in CHECKPOINTS:
        weights = path
    else:
        raise UserError(_unknown(source, path))
    if config is not None:
        return Source(weights, load_config(config).to_dict(), str(config))
    return Source(weights, *_config_in(weights.parent, weights))


def _weights_in(folder: Path) -> Path:
    if (folder / WEIGHTS).is_file():
        return folder / WEIGHTS
    found = newest_whole(folder)
    if found is None:
        below = sorted(p.name for p in folder.iterdir() if p.is_dir() and steps_in(p))
        hint = f'; did you mean {folder / below[0]}?' if below else ''
        raise UserError(
            f'{folder}: neither {WEIGHTS} nor a checkpoint (iter_<steps>.pth) is in it{hint}'
        )
    return found


def _config_in(folder: Path, weights: Path) -> tuple[dict[str, Any], str]:
    path = folder / RESOLVED
    if path.is_file():
        return read_json(path, 'put back a whole copy, or give config=...'), str(path)
    path = folder / CONFIG
    if path.is_file():
        return read_values(path), str(path)
    raise UserError(
        f'{weights}: neither {RESOLVED} nor {CONFIG} stands beside it; load it from its work dir, '
        'or give config=... with the config that it was trained with'
    )


def _unknown(source: str | Path, path: Path) -> str:
    if path.is_file():
        return f'{source} is no model; load_model takes {_ALLOWED}'
    near = []
    if path.parent.is_dir():
        near = [str(path.parent / p.name) for p in path.parent.iterdir()]
        near = [name for name in near if Path(name).is_dir() or name.endswith(CHECKPOINTS)]
    hint = did_you_mean(str(path), [*near, *PACKAGED])
    if not hint and re.fullmatch(r'[\w.-]+/[\w.-]+', str(source)):
        hint = f'; did you mean {HUB}{source}?'
    return f'{source}: no such model; load_model takes {_ALLOWED}{hint}'


def _from_hub(source: str) -> Path:
    """The folder of the cache that holds a published model, downloaded where it is not there."""
    folder = from_hub(source, [WEIGHTS, CONFIG, CARD, ABOUT])
    missing = [file for file in (WEIGHTS, CONFIG) if not (folder / file).is_file()]
    if missing:
        raise UserError(
            f'{source}: {" and ".join(missing)} is not in it, so it is no model of icpc that '
            f'{typed("publish")} wrote; an open_clip model of the Hub goes into model.clip.model'
        )
    return folder
