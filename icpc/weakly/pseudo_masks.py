"""Stage 3: from class activation maps to pseudo masks."""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from ..console.messages import console, say
from ..datasets.mask_reading import annotation_loader, read_labels
from ..errors import UserError
from ..evaluation.confusion import confusion
from ..evaluation.pictures import save_mask
from ..evaluation.table import Scores, per_class_table, scores
from ..run_dir.fingerprints import PACKAGE, code_fingerprint, short
from ..run_dir.lock import only_writer
from ..run_dir.provenance import command_line, git_state, machine, versions
from ..run_dir.record import FINISHED, RUNNING, RunRecord, whole_record, write_record
from .map_files import labels_of, load_maps
from .picture_maps import Mapper, files_of, write_maps

MAPS, MASKS = 'maps', 'masks'  # folders
THRESHOLDS = tuple(n / 50 for n in range(1, 40))


def make_pseudo_masks(
    source: str | Path,
    out: str | Path,
    refine: str = 'none',
    options: dict[str, Any] | None = None,
    uncertain: float = 0.0,
    workers: int | None = None,
) -> dict[str, float]:
    """Write a pseudo mask for each training picture of a stage that gives CAMs.

    The threshold of the background is the one of THRESHOLDS with the best mIoU on the pictures with
    masks. What is there already, of the same weights and settings, is not made again.

    Args:
        source: The stage's work directory.
        out: The folder of the masks (`masks`), of the maps (`maps`), and of `run.json`.
        refine: A name of `refinement.REFINERS`, or `none`.
        options: Arguments of the refinement.
        uncertain: Pixels whose largest map is nearer than this to the threshold are ignored.
        workers: Processes; None for one a core.

    Returns:
        `refined_mIoU`, `threshold`, and the IoU of each class, on the pictures with masks.
    """
    source, out = Path(source), Path(out)
    model = RunRecord.of(source)
    if not model.finished:
        raise UserError(f'{source}: holds no finished run; train it to its end first')
    settings = {
        'refine': refine,
        'options': options or {},
        'uncertain': uncertain,
        'run': model.run,
        'steps': model.steps,
        'thresholds': THRESHOLDS,
    }
    mapper = Mapper(source, refine, options or {})
    with only_writer(out, 'writes pseudo masks', '--out'):
        record = _begin(out, settings, model)
        if record['state'] == FINISHED:
            say(f'{out}: done')
            return record['metrics']['train']
        began = time.time()
        _write_missing_maps(mapper, source, out, refine, options or {}, workers)
        found = sweep(mapper, out / MAPS)
        threshold = max(found, key=lambda one: found[one].mean_iou)
        paths = files_of(mapper.every, out / MASKS, '.png')
        ignore = mapper.every.ignore_index
        for path, maps in zip(paths, files_of(mapper.every, out / MAPS, '.npz'), strict=True):
            save_mask(path, labels_of(*load_maps(maps), threshold, uncertain, ignore))
        names = [str(name).strip() for name in mapper.every.metainfo['classes']]
        metrics = _metrics(found[threshold], names, threshold)
        say(
            f'pseudo masks on the {len(mapper.scored)} training pictures with masks, refinement: '
            f'{refine}, threshold {threshold:.2f}:'
        )
        say(per_class_table(names, {'masks': found[threshold]}))
        record |= {
            'state': FINISHED,
            'seconds': (record.get('seconds') or 0.0) + time.time() - began,
            'metrics': {'train': metrics},
        }
        write_record(out, record)
        return metrics


def _begin(out: Path, settings: dict[str, Any], model: RunRecord) -> dict[str, Any]:
    """The record to go on with; what was made of other weights or settings is removed."""
    digest = short(hashlib.sha256(json.dumps(settings, sort_keys=True).encode()))
    former = whole_record(out)
    if former is not None and (former.get('fingerprints') or {}).get('config') == digest:
        return former
    for folder in (MAPS, MASKS):
        if (out / folder).is_dir():
            say(f'{out / folder}: was made of other weights or settings, and is made again')
            shutil.rmtree(out / folder)
    record = {
        'state': RUNNING,
        'run': uuid.uuid4().hex,
        'command': command_line('none'),
        'settings': settings,
        'fingerprints': {
            'config': digest,
            'code': code_fingerprint(),
            'weights': model.run,
            'data': model.fingerprints.get('data'),
        },
        'git': git_state(PACKAGE),
        'versions': versions(),
        'machine': machine(),
        'segments': [],
    }
    out.mkdir(parents=True, exist_ok=True)
    write_record(out, record)
    return record


def _write_missing_maps(
    mapper: Mapper,
    source: Path,
    out: Path,
    refine: str,
    options: dict[str, Any],
    workers: int | None,
) -> None:
    files = enumerate(files_of(mapper.every, out / MAPS, '.npz'))
    work = [(index, path) for index, path in files if not path.is_file()]
    count = len(mapper.every)
    if len(work) < count:
        say(f'{out / MAPS}: {count - len(work)} of {count} pictures are there already')
    with _bar('maps', len(work)) as advance:
        many = workers or min(os.cpu_count() or 1, max(1, len(work) // 50))
        for _ in write_maps(source, refine, options, work, many):
            advance()


@contextmanager
def _bar(name: str, count: int) -> Iterator[Callable[[], None]]:
    """Give what advances a bar by one picture; without a terminal, a line every tenth."""
    done, each = [0], max(1, count // 10)
    columns = TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console(), disable=not console().is_terminal) as bar:
        task = bar.add_task(name, total=count)

        def advance() -> None:
            done[0] += 1
            bar.advance(task)
            if not console().is_terminal and done[0] % each == 0:
                say(f'{name}: {done[0]} of {count} pictures')

        yield advance


def sweep(mapper: Mapper, folder: Path) -> dict[float, Scores]:
    """The scores of maps on disk at each threshold, on the pictures with masks.

    Args:
        mapper: Whose data sets they are of.
        folder: Of the maps; a picture that has none there is mapped now.
    """
    dataset, load = mapper.scored, annotation_loader(mapper.scored)
    classes = len(dataset.metainfo['classes'])
    total = torch.zeros(len(THRESHOLDS), classes, classes, dtype=torch.int64)
    for index, path in enumerate(files_of(dataset, folder, '.npz')):
        found = load_maps(path) if path.is_file() else _mapped(mapper, index)
        labels = torch.from_numpy(read_labels(dataset, index, load).astype(np.int64))
        total += _counts(found, labels, classes, dataset.ignore_index)
    return dict(zip(THRESHOLDS, map(scores, total), strict=True))


def _mapped(mapper: Mapper, index: int) -> tuple[np.ndarray, np.ndarray]:
    maps = mapper.maps(mapper.scored, index)[1].cpu().numpy()
    return np.arange(len(maps)), maps


def _counts(
    found: tuple[np.ndarray, np.ndarray], labels: Tensor, classes: int, ignore: int
) -> Tensor:
    guesses: Iterable[np.ndarray] = (labels_of(*found, one) for one in THRESHOLDS)
    counts = [
        confusion(torch.from_numpy(guess.astype(np.int64)), labels, classes, ignore)
        for guess in guesses
    ]
    return torch.stack(counts)[:, :classes, :classes]


def _metrics(best: Scores, names: list[str], threshold: float) -> dict[str, float]:
    each = {f'IoU.{name}': value for name, value in zip(names, best.iou.tolist(), strict=True)}
    known = {name: value for name, value in each.items() if value == value}
    return {'refined_mIoU': best.mean_iou, 'threshold': threshold, **known}
