"""Where a run comes from: git, versions of libraries, machine."""

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ..errors import INSTALLED
from ..files import read_json
from ..startup.program import SCRIPT, is_script

_LIBRARIES = [
    'icpc',
    'torch',
    'torchvision',
    'open_clip_torch',
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmsegmentation',
    'numpy',
    'opencv-python',
    'opencv-python-headless',
    'pillow',
]
_MOST_FILES = 20  # named when the working tree is not clean
GIT_FILE = 'git.json'  # beside a copied package: the state of git when it was copied


def git_state(package: Path) -> dict[str, Any] | None:
    """The commit, and the files that differ from it; None where it is of no repository.

    Args:
        package: The package's folder, in a working tree or copied from one.
    """
    folder = package.parent
    if (folder / GIT_FILE).is_file():
        return read_json(folder / GIT_FILE, 'take the copy of the code anew') or None
    if not INSTALLED.isdisjoint(package.parts):  # in a repository of somebody else's, if in any
        return None
    try:
        commit = _git(folder, 'rev-parse', 'HEAD').strip()
        changed = _git(folder, 'status', '--porcelain').splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    files = [line[3:] for line in changed]
    return {'commit': commit, 'dirty': bool(files), 'changed': files[:_MOST_FILES]}


def _git(folder: Path, *args: str) -> str:
    command = ['git', '-C', str(folder), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def versions() -> dict[str, str]:
    """Python's version and those of the libraries that decide numbers."""
    found = {'python': platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def command_line(launcher: str | None) -> str:
    """What started this process, with what started it on several ranks.

    Args:
        launcher: `none`, `pytorch` (torchrun) or `slurm`.
    """
    python, words = [Path(sys.executable).name], sys.argv
    if is_script():  # which needs no Python named, and torchrun has to know that it is none
        python, words = [], [SCRIPT, *sys.argv[1:]]
    starter = python
    if launcher in (None, 'none'):
        return shlex.join([*starter, *words])
    ranks = int(os.environ.get('WORLD_SIZE', 1))
    here = int(os.environ.get('LOCAL_WORLD_SIZE', ranks))
    if launcher == 'slurm':
        starter = ['srun', f'--ntasks={ranks}', *python]
    elif launcher == 'pytorch':
        starter = ['torchrun', '--nproc_per_node', str(here)]
    if launcher == 'pytorch' and ranks > here:  # each node runs the same line
        meeting = ['--rdzv_backend', 'c10d', '--rdzv_endpoint', 'FIRST_NODE:29500']
        starter += ['--nnodes', str(ranks // here), *meeting]
    if launcher == 'pytorch' and not python:
        starter.append('--no-python')
    return shlex.join([*starter, *words])


def machine() -> dict[str, Any]:
    """Host, processor, threads, and the GPUs."""
    return {
        'host': platform.node(),
        'system': platform.platform(),
        'processor': _processor(),
        'cores': os.cpu_count(),
        'threads': torch.get_num_threads(),
        'gpus': [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


def _processor() -> str:
    info = Path('/proc/cpuinfo')
    for line in info.read_text().splitlines() if info.is_file() else ():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()
