"""A copy of the code and the config that a study runs, so that editing them meanwhile is safe."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...config.load import merge_config
from ...config.user_modules import is_installed, user_files
from ...errors import UserError
from ...files import write_text_atomically
from ...run_dir.fingerprints import PACKAGE
from ...run_dir.provenance import GIT_FILE, git_state

_DIGITS = 10


@dataclass(frozen=True)
class Snapshot:
    """The copy of the code that the runs of a study use.

    Attributes:
        folder: The folder that holds `icpc`, `tools` and the config.
        config: The base config with its own bases merged in.
    """

    folder: Path
    config: Path

    def tool(self, name: str) -> Path:
        """The script of a tool."""
        return self.folder / 'tools' / name


def take_snapshot(base: Path, tools: Path, out: Path, modules: Iterable[str] = ()) -> Snapshot:
    """Copy package, tools, the user's modules and config into `out/code/<hash>`.

    Nothing is copied that is there already. The folder is the first that the runs import from.

    Args:
        base: The config.
        tools: The folder of the tools' scripts.
        out: The folder of the study.
        modules: The top-level names of the user's modules.

    Raises:
        UserError: For a user's module that has the name of something of icpc's.
    """
    contents = _contents(tools, modules)
    if base.name in contents:
        raise UserError(f'custom_imports: {base.name} is the name of the config too; rename one')
    contents[base.name] = merge_config(base).pretty_text.encode()
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f'{name} {len(content)}\n'.encode())
        digest.update(content)
    folder = (out / 'code' / digest.hexdigest()[:_DIGITS]).resolve()
    if not folder.is_dir():
        half_done = folder.with_name(f'.{folder.name}.{os.getpid()}')
        for name, content in contents.items():
            target = half_done / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        write_text_atomically(json.dumps(git_state(PACKAGE) or {}), half_done / GIT_FILE)
        _move(half_done, folder)
    return Snapshot(folder, folder / base.name)


def _contents(tools: Path, modules: Iterable[str]) -> dict[str, bytes]:
    """Path in the snapshot -> what the file holds; read once, so that hash and copy agree."""
    files = {f'icpc/{path.relative_to(PACKAGE).as_posix()}': path for path in _files(PACKAGE)}
    files |= {f'tools/{path.name}': path for path in sorted(tools.glob('*.py'))}
    for name, path in user_files(modules).items():
        if is_installed(path):
            continue
        if files.setdefault(name, path) is not path and path.resolve() != files[name].resolve():
            raise UserError(
                f'custom_imports: {path} would take the place of {files[name]} in the copy of the '
                'code; rename the module'
            )
    return {name: path.read_bytes() for name, path in files.items()}


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
