"""`icpc predict`: pictures and videos in, label PNGs, overlays and a line of JSON for each out."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..console.messages import say
from ..console.picture_bar import picture_bar
from ..datasets.checks.folder_files import PICTURES, files_below
from ..errors import UserError
from ..files import without_room
from ..run_dir.lock import only_writer
from .predicted import Failure, Prediction
from .predictor import Predictor

_VIDEOS = ('.mp4', '.mov', '.avi', '.mkv', '.webm', '.m4v')
LINES = 'predictions.jsonl'


class _Item(NamedTuple):
    """A picture or a video, and what its files are called below the folder."""

    path: Path
    name: str

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in _VIDEOS


def predict_files(
    predictor: Predictor,
    pictures: Sequence[str | Path],
    out: Path,
    overlays: bool = True,
    score_maps: bool = False,
    **options: Any,
) -> list[Failure]:
    """Predict files and write what was found.

    `labels/NAME.png` holds class ids with the palette, `overlays/NAME.jpg` the picture with overlay
    and legend, `score_maps/NAME.npz` cosines in float16, and `predictions.jsonl` a line for each
    picture. NAME is a file's own, or its path below a folder that was given; where that comes
    twice, the path below the folder that all pictures share. Of a video each frame has a number.

    Args:
        predictor: Of `icpc.load_model`.
        pictures: Files, and folders with all pictures below them.
        out: The folder to write to; files of the same names are replaced, others stay and are told.
        overlays: Whether to draw.
        score_maps: Whether to write score maps.
        **options: Of `Predictor.predict`.

    Returns:
        The pictures that were skipped, each told when it came up.

    Raises:
        UserError: No picture at all, a video without PyAV, or a disk that is full.
    """
    if out == Path():
        raise UserError('--out: give a folder for what is written, such as work_dirs/predicted')
    items = _items(pictures)
    failed: list[Failure] = []
    names: dict[str, str] = {}
    written: set[str] = set()
    options |= dict(score_maps=score_maps, on_error='skip')
    predictor.predict([], **options)  # what cannot be asked is refused before anything is written
    total = None if _has_video(items) else len(items)
    with only_writer(out, 'predicts', '--out'), without_room(out):
        began, done = time.perf_counter(), 0
        bar = picture_bar('predict', total, lines=False)
        with bar as advance, (out / LINES).open('w', encoding='utf-8') as file:
            for found in predictor.predict(_frames(items, names, failed), **options):
                if isinstance(found, Failure):
                    failed.append(found)
                    say(f'skipped: {found.message}')
                    line = {'picture': found.source, 'error': found.message}
                else:
                    line = _write(found, names[found.source], out, overlays)
                    written.add(line['labels'])
                    done += 1
                file.write(json.dumps(line, ensure_ascii=False) + '\n')
                advance()
            for failure in failed:
                if failure.source not in names:  # a video of which nothing was read
                    line = {'picture': failure.source, 'error': failure.message}
                    file.write(json.dumps(line, ensure_ascii=False) + '\n')
    seconds = time.perf_counter() - began
    skipped = f' ({len(failed)} skipped)' if failed else ''
    say(f'{done} pictures in {seconds:.1f} s, {done / seconds:.1f} a second{skipped}: {out}')
    older = sorted({f'labels/{file}' for file in files_below(out / 'labels')} - written)
    if older:
        say(f'{out}: {len(older)} maps of earlier predictions stay there, such as {older[0]}')
    return failed


def _write(found: Prediction, name: str, out: Path, overlays: bool) -> dict[str, Any]:
    """The files of one prediction, and its line."""
    labels, drawn = out / 'labels' / f'{name}.png', out / 'overlays' / f'{name}.jpg'
    found.save(labels, drawn if overlays else None)
    line: dict[str, Any] = dict(
        picture=found.source, size=list(found.labels.shape), labels=str(labels.relative_to(out))
    )
    if overlays:
        line['overlay'] = str(drawn.relative_to(out))
    if found.score_maps is not None:
        path = out / 'score_maps' / f'{name}.npz'
        path.parent.mkdir(parents=True, exist_ok=True)
        maps = found.score_maps.astype(np.float16)
        np.savez_compressed(path, score_maps=maps, classes=np.array(found.classes))
        line['score_maps'] = str(path.relative_to(out))
    shares = sorted(found.area.items(), key=lambda pair: -pair[1])
    return line | {'area': {key: round(share, 6) for key, share in shares if share}}


def _items(pictures: Sequence[str | Path]) -> list[_Item]:
    named: dict[Path, str] = {}
    for given in map(Path, pictures):
        if given.is_dir():
            below = files_below(given)
            kept = sorted(f for f in below if f.lower().endswith((*PICTURES, *_VIDEOS)))
            if not kept:
                raise UserError(f'{given}: no picture in it ({", ".join(PICTURES)})')
            left = sorted(set(below).difference(kept))
            if left:
                say(f'{given}: {len(left)} files are no pictures and left out, such as {left[0]}')
            named |= {given / file: file for file in kept if given / file not in named}
        else:
            named.setdefault(given, given.name)
    if not named:
        raise UserError('no pictures; name files or folders')
    paths, names = list(named), list(named.values())
    if len(set(names)) < len(names):  # of several folders
        base = os.path.commonpath([path.absolute().parent for path in paths])
        names = [os.path.relpath(path.absolute(), base) for path in paths]
    stems = Counter(os.path.splitext(name)[0] for name in names)
    plain = [os.path.splitext(name)[0] for name in names]
    return [
        _Item(path, name if stems[stem] > 1 else stem)
        for path, name, stem in zip(paths, names, plain, strict=True)
    ]


def _has_video(items: Iterable[_Item]) -> bool:
    """Whether there is one; raises UserError where PyAV is missing."""
    video = next((item for item in items if item.is_video), None)
    if video is not None:
        try:
            import av  # noqa: F401
        except ImportError as error:
            raise UserError(
                f'{video.path}: a video needs PyAV, `pip install av`; or give pictures of it'
            ) from error
    return video is not None


def _frames(
    items: Iterable[_Item], names: dict[str, str], failed: list[Failure]
) -> Iterator[str | tuple[str, np.ndarray]]:
    """Paths of pictures, and the named frames of videos; notes what their files are called."""
    for item in items:
        if not item.is_video:
            names[str(item.path)] = item.name
            yield str(item.path)
            continue
        import av

        try:
            with av.open(str(item.path)) as video:
                for number, frame in enumerate(video.decode(video=0)):
                    source = f'{item.path}#{number}'
                    names[source] = f'{item.name}/{number:06d}'
                    yield source, frame.to_ndarray(format='rgb24')
        except (av.error.FFmpegError, IndexError, OSError) as error:
            message = f'{item.path}: cannot be read as a video: {error}'
            failed.append(Failure(str(item.path), message))
            say(f'skipped: {message}')
