"""How this program was started, and how a command is typed by whoever started it so."""

import os
import shlex
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SCRIPT = 'icpc'  # the console script
_MODULE, _CLI = 'icpc.cli', PACKAGE / 'cli' / '__main__.py'  # python -m icpc.cli


def _main_file() -> Path | None:
    """The file that Python was told to run, None for a console or a notebook."""
    file = getattr(sys.modules.get('__main__'), '__file__', None)
    return None if file is None else Path(file).absolute()


def is_script() -> bool:
    """Whether the program is `icpc COMMAND`."""
    if sys.argv[:1] == ['-m'] and _MODULE in sys.orig_argv:  # python -m looks for it just now
        return True
    file = _main_file()
    return file is not None and (file.name == SCRIPT or file.resolve() == _CLI)


def is_command() -> bool:
    """Whether the program is `icpc COMMAND` or one of icpc's `tools/`."""
    return is_script() or _tools_that_run() is not None


def _tools_that_run() -> Path | None:
    """The folder of the tool that runs: a checkout's, or that of a copy of the code."""
    file = _main_file()
    if file is None or file.parent.name != 'tools':
        return None
    above = file.parent.parent
    return file.parent if (above / 'icpc').is_dir() or above.resolve() == PACKAGE else None


def tools_folder() -> Path:
    """The folder of the tools' scripts: in the installed package, or beside it in a checkout."""
    installed = PACKAGE / 'tools'
    return installed if installed.is_dir() else PACKAGE.parent / 'tools'


def name_of(command: str) -> str:
    """How the usage names a command: `tools/train.py`, or `icpc train`."""
    return typed(command).removeprefix('python ')


def typed(command: str, *words: str) -> str:
    """A command as it can be typed where this program was started.

    One of a checkout's `tools/` runs, or the checkout is used as a library: `python
    tools/prepare_data.py`, with the way to that folder. Otherwise `icpc prepare-data`.

    Args:
        command: Such as `prepare-data`.
        words: What follows; written as they are, so quote what needs it.
    """
    script = f'{command.replace("-", "_")}.py'
    folder = None if is_script() else _checkout_tools()
    if folder is None or not (folder / script).is_file():
        return ' '.join([SCRIPT, command, *words])
    inside = folder.is_relative_to(Path.cwd())
    shown = Path(os.path.relpath(folder)) if inside else folder
    return ' '.join(['python', shlex.quote(str(shown / script)), *words])


def _checkout_tools() -> Path | None:
    """`tools/` of the checkout that runs, None for an installed package or a copy of the code."""
    runs = _tools_that_run()
    if runs is not None:
        return runs if (runs.parent / 'pyproject.toml').is_file() else None
    # Whoever uses a checkout as a library stands in it, as far as one can know.
    is_checkout = (PACKAGE.parent / 'pyproject.toml').is_file()
    return Path.cwd() / 'tools' if is_checkout and _has_scripts(PACKAGE.parent / 'tools') else None


def _has_scripts(folder: Path) -> bool:
    return (folder / 'train.py').is_file()


def typed_for_ranks(launcher: str, command: str = 'train') -> str:
    """How several processes of a command are started.

    Args:
        launcher: `pytorch` for torchrun, `slurm` for srun.
        command: Such as `train`.
    """
    plain = typed(command)
    if launcher == 'slurm':
        return f'srun --ntasks=N {plain} ...'
    if plain.startswith('python '):
        return f'torchrun --nproc_per_node N {plain.removeprefix("python ")} ...'
    return f'torchrun --nproc_per_node N --no-python {plain} ...'
