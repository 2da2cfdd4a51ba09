"""A copy of the code and the config that a study runs, so that editing them meanwhile is safe."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..engine.checkpoint import write_text_atomically
from ..engine.config import merge_config
from ..engine.fingerprints import PACKAGE
from ..engine.provenance import GIT_FILE, git_state

_DIGITS = 10


@dataclass(frozen=True)
class Snapshot:
    """Frozen code.

    Attributes:
        folder: Holds `icpc`, `tools` and the config.
        config: The base config with its own bases merged in.
    """

    folder: Path
    config: Path

    def tool(self, name: str) -> Path:
        """A tool's script."""
        return self.folder / 'tools' / name


def take_snapshot(base: Path, tools: Path, out: Path) -> Snapshot:
    """Copy package, tools and config into `out/code/<hash>`, unless they are there already.

    Args:
        base: The config.
        tools: Folder of the tools' scripts.
        out: The study's folder.
    """
    config = merge_config(base).pretty_text
    files = [(path, 'icpc', path.relative_to(PACKAGE)) for path in _files(PACKAGE)]
    files += [(path, 'tools', path.relative_to(tools)) for path in sorted(tools.glob('*.py'))]
    digest = hashlib.sha256(config.encode())
    for path, room, name in files:
        digest.update(f'{room}/{name.as_posix()}\n'.encode())
        digest.update(path.read_bytes())
    folder = (out / 'code' / digest.hexdigest()[:_DIGITS]).resolve()
    if not folder.is_dir():
        half_done = folder.with_name(f'.{folder.name}.{os.getpid()}')
        for path, room, name in files:
            target = half_done / room / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (half_done / base.name).write_text(config)
        write_text_atomically(json.dumps(git_state(PACKAGE)), half_done / GIT_FILE)
        _move(half_done, folder)
    return Snapshot(folder, folder / base.name)


def _files(package: Path) -> list[Path]:
    return sorted(
        path
        for path in package.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts and not path.name.startswith('.')
    )


def _move(half_done: Path, folder: Path) -> None:
    """Another process may have made the same one meanwhile."""
    try:
        half_done.rename(folder)
    except OSError:
        shutil.rmtree(half_done)
