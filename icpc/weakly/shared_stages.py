"""Stages that another plan's folder has finished already, of the same settings and data."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ..console.messages import say
from ..run_dir.record import RunRecord

_REPLACED = ('.npz', '.png', '.pth')  # never written into: what is there is replaced whole


def take_stage(folder: Path, same: Callable[[Path], bool]) -> None:
    """Copy a finished stage from a plan's folder beside, unless something is there already.

    Large files are hard links where the file system has them, so that maps lie there once.

    Args:
        folder: Of the stage.
        same: Whether the finished stage in a folder is the one that would be made.
    """
    if folder.exists():
        return
    for other in _beside(folder):
        if same(other):
            part = folder.with_name(f'.{folder.name}.partial')
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(other, part, copy_function=_link)
            part.rename(folder)
            say(f'{folder}: taken from {other}, which was made of the same')
            return


def _beside(folder: Path) -> Iterator[Path]:
    """The finished stages of this name, of the plans in the same folder of plans."""
    out = folder.parent.resolve()
    for plan in sorted(out.parent.iterdir()) if out.parent.is_dir() else ():
        other = plan / folder.name
        if plan != out and RunRecord.if_whole(other).finished:
            yield other


def _link(source: str, target: str) -> None:
    if source.endswith(_REPLACED):
        try:
            os.link(source, target)
            return
        except OSError:  # another file system, or one without links
            pass
    shutil.copy2(source, target)
