"""Writes a prepared dataset: atomically, in parallel, and the same after an interruption."""

import contextlib
import errno
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import UserError
from ...files import put_in_place
from ...temporary_files import remove_temporary_files
from .. import manifest
from ..picture_reading import READ_ERRORS
from .sources import Source

FEW = 200  # jobs that are done before other processes have started


@dataclass(frozen=True)
class Job:
    """One file to write.

    Attributes:
        target: Path below the target folder.
        source: Path in the source.
        convert: Makes the new content of the old one; None copies. It must be picklable.
    """

    target: str
    source: str
    convert: Callable[[bytes], bytes] | None = None


Work = tuple[Job, str | None]  # and the fingerprint of what its target was made of, if it is there
Made = tuple[str, str]  # target, fingerprint


def prepare(
    source: Source,
    out: Path,
    jobs: Sequence[Job],
    settings: dict[str, Any],
    texts: dict[str, str] | None = None,
    workers: int | None = None,
    notes: list[str] | None = None,
    shown: dict[str, str] | None = None,
) -> Iterator[str]:
    """Write all files, then the manifest; yields each file's path.

    The manifest holds a fingerprint of what each file was made of. A repetition, or the run after
    an interrupted one, makes only what is not there or whose source has changed, and removes what
    an earlier run wrote and the source no longer has. No file is ever half written.

    Args:
        source: What was downloaded.
        out: Target folder.
        jobs: Files to write, each target once.
        settings: What the result depends on; kept in the manifest, a repetition must agree unless
            the former run did not end.
        texts: Small text files: path below the target -> content.
        workers: Processes; None for one a core, 1 for this process.
        notes: Takes a sentence on files that were removed, that are not from here, and on pictures
            that are in two splits.
        shown: Fingerprints of what pictures show, by their targets; of others their bytes decide
            whether they are in two splits.

    Raises:
        UserError: For a target outside the folder, two jobs with one target, other settings than
            before, or a file that cannot be read, converted or written.
    """
    targets = [_inside(out, job.target) for job in jobs]
    if len(set(targets)) != len(targets):
        raise UserError(f'--source {source.root}: two files would become the same file in {out}')
    notes = [] if notes is None else notes
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        former = manifest.former(out, settings)
        for folder in {out, *(target.parent for target in targets)}:
            remove_temporary_files(folder)
        gone = [_inside(out, name) for name in sorted(set(former) - {job.target for job in jobs})]
        gone = [path for path in gone if path.is_file()]
        for path in gone:
            path.unlink()
        for folder in {target.parent for target in targets}:
            folder.mkdir(parents=True, exist_ok=True)
    if gone:
        notes.append(f'removed {len(gone)} files that the source no longer has, such as {gone[0]}')
    made = {
        job.target: former.get(job.target) if path.is_file() else None
        for job, path in zip(jobs, targets, strict=True)
    }

    def record(complete: bool) -> None:
        write_file(out / manifest.NAME, manifest.content(settings, made, complete))

    record(complete=False)
    try:
        work = [(job, made[job.target]) for job in jobs]
        for target, fingerprint in _run(source, out, work, workers or os.cpu_count() or 1):
            made[target] = fingerprint
            yield target
    except BaseException:
        with contextlib.suppress(UserError):  # such as a full disk: the first error is raised
            record(complete=False)
        raise
    for name, text in (texts or {}).items():
        write_file(_inside(out, name), text.encode())
    record(complete=True)
    notes += manifest.remarks(out, made | (shown or {}), targets)


def write_file(path: Path, content: bytes) -> None:
    """Write to a temporary name beside the target, then rename."""
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with put_in_place(path) as temporary:
            temporary.write_bytes(content)


def _run(source: Source, out: Path, work: list[Work], workers: int) -> Iterator[Made]:
    if workers == 1 or len(work) <= FEW:
        yield from map(partial(_do, source, out), work)
        return
    context = multiprocessing.get_context('spawn')  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, _start, (source, out)) as pool:
        try:
            yield from pool.map(_do_here, work, chunksize=16)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_here: dict[str, Any] = {}  # of a worker process: set once when it starts


def _start(source: Source, out: Path) -> None:
    _here.update(source=source, out=out)


def _do_here(work: Work) -> Made:
    return _do(_here['source'], _here['out'], work)


def _do(source: Source, out: Path, work: Work) -> Made:
    job, former = work
    content = source.read(job.source)
    fingerprint = manifest.fingerprint(content)
    if fingerprint != former:
        if job.convert is not None:
            content = convert_content(job.source, content, job.convert)
        write_file(_inside(out, job.target), content)
    return job.target, fingerprint


def convert_content(path: str, content: bytes, convert: Callable[[bytes], Any]) -> Any:
    """What a conversion makes of a file's content; an error names the file.

    Raises:
        UserError: A file that is damaged, or not what the conversion expects.
    """
    try:
        return convert(content)
    except UserError as error:
        raise UserError(f'{path}: {error}') from error
    except (ValueError, KeyError, *READ_ERRORS) as error:
        raise UserError(
            f'{path}: cannot be read ({type(error).__name__}: {error}); the file is damaged or of '
            'another edition'
        ) from error


def _inside(out: Path, target: str) -> Path:
    """The target's path, which neither `..`, an absolute path nor a link may lead out."""
    pure = PurePosixPath(target)
    root = out.resolve()
    path = out / pure
    escapes = pure.is_absolute() or '..' in pure.parts or '\\' in target or not pure.parts
    if escapes or not path.resolve().is_relative_to(root) or path.is_symlink():
        raise UserError(f'{target!r} leads out of {out}: the source is not what it should be')
    return path


class _writing:
    """Turns a failing write into a message that says what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = 'the disk is full; make room and run the command again, it continues'
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            advice = 'it cannot be written; choose another --out'
        elif isinstance(error, (NotADirectoryError, FileExistsError, IsADirectoryError)):
            advice = 'a file stands where a folder is needed, or the other way round'
        else:
            advice = str(error)
        raise UserError(f'{self.path}: {advice}') from error
