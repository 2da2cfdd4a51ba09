"""Stage 3: from class activation maps to pseudo masks."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..console.messages import say
from ..console.picture_bar import picture_bar
from ..datasets.mask_reading import annotation_loader, read_labels
from ..errors import UserError
from ..evaluation.confusion import confusion
from ..evaluation.pictures import class_names, save_mask
from ..evaluation.table import Scores, per_class_table, scores
from ..ranks import distributed
from .map_files import labels_of, load_maps
from .picture_maps import Mapper, files_of, kept_maps, write_missing
from .refinement import WITH_BOUNDARIES, check_refinement
from .stage_records import finished_source, recorded_stage

MAPS, MASKS = 'maps', 'masks'  # folders
THRESHOLDS = tuple(n / 50 for n in range(1, 40))


def make_pseudo_masks(
    source: str | Path,
    out: str | Path,
    refine: str = 'none',
    options: dict[str, Any] | None = None,
    uncertain: float = 0.0,
    workers: int | None = None,
    threshold: float | None = None,
    share: bool = False,
) -> dict[str, float]:
    """Write a pseudo mask for each training picture of a stage that gives CAMs.

    The threshold of the background is the one of THRESHOLDS with the best mIoU on the pictures with
    masks; where there are none, it is the given one or the classifier's. What is there already, of
    the same weights and settings, is not made again.

    Args:
        source: The stage's work directory.
        out: The folder of the masks (`masks`), of the maps (`maps`), and of `run.json`.
        refine: A name that `refinement.refiner` knows.
        options: Arguments of the refinement.
        uncertain: Pixels whose largest map is nearer than this to the threshold are ignored.
        workers: Processes; None for one a core.
        threshold: Of the background where there are no masks; None for the classifier's.
        share: Take them from a plan's folder beside that has made the same.

    Returns:
        `threshold`; on the pictures with masks `refined_mIoU` and the IoU of each class.
    """
    source, out, options = Path(source), Path(out), options or {}
    check_refinement(refine, options)
    plain = {key: str(value) for key, value in options.items()}
    if refine == WITH_BOUNDARIES:  # the run counts, not where it lies
        plain['network'] = str(finished_source(Path(options['network'])).run)
    settings = {
        MAPS: {'refine': refine, 'options': plain},
        MASKS: {'uncertain': uncertain, 'threshold': threshold, 'thresholds': THRESHOLDS},
    }

    def work() -> dict[str, Any]:
        mapper = Mapper(source, refine, options)
        files = files_of(mapper.every, out / MAPS, '.npz')
        write_missing(f'maps ({refine})', partial(Mapper, source, refine, options), files, workers)
        metrics = _chosen(mapper, out / MAPS, refine, threshold)
        if uncertain and uncertain >= metrics['threshold']:
            raise UserError(
                f'uncertain={uncertain:g} reaches down to maps of 0 at the threshold '
                f'{metrics["threshold"]:g}, so that no pixel would be background: take less'
            )
        ignore = mapper.every.ignore_index
        pictures = files_of(mapper.every, out / MASKS, '.png')
        with picture_bar('masks', len(files), lines=False) as advance:
            for path, maps in zip(pictures, files, strict=True):
                labels = labels_of(*load_maps(maps), metrics['threshold'], uncertain, ignore)
                save_mask(path, labels)
                distributed.note('pseudo masks')
                advance()
        return {'metrics': {'train': metrics}, 'pictures': len(files)}

    return recorded_stage(out, finished_source(source), settings, work, share)


def _chosen(mapper: Mapper, folder: Path, refine: str, threshold: float | None) -> dict[str, float]:
    """The background's threshold, and what the maps are worth at it."""
    if mapper.scored is None:
        value = mapper.model.threshold if threshold is None else threshold
        origin = "the classifier's" if threshold is None else 'as given'
        say(f'no picture has a mask: nothing is measured, the threshold is {value:g}, {origin}')
        return {'threshold': value}
    found = sweep(mapper, folder)
    best = max(found, key=lambda one: found[one].mean_iou)
    names = class_names(mapper.every)
    say(
        f'pseudo masks on the {len(mapper.scored)} training pictures with masks, refinement: '
        f'{refine}, threshold {best:.2f}, swept:'
    )
    say(per_class_table(names, {f'training pictures, {refine}': found[best]}))
    each = zip(names, found[best].iou.tolist(), strict=True)
    known = {f'IoU.{name}': value for name, value in each if value == value}
    return {'refined_mIoU': found[best].mean_iou, 'threshold': best, **known}


def sweep(mapper: Mapper, folder: Path) -> dict[float, Scores]:
    """The scores of maps on disk at each threshold, on the pictures with masks.

    Args:
        mapper: Whose data sets they are of.
        folder: Of the maps; a picture that has none there is mapped now.
    """
    dataset, load = mapper.scored, annotation_loader(mapper.scored)
    classes = len(dataset.metainfo['classes'])
    total = torch.zeros(len(THRESHOLDS), classes, classes, dtype=torch.int64)
    with picture_bar('threshold', len(dataset), lines=False) as advance:
        for index, path in enumerate(files_of(dataset, folder, '.npz')):
            found = load_maps(path) if path.is_file() else kept_maps(mapper, index)
            labels = torch.from_numpy(read_labels(dataset, index, load).astype(np.int64))
            total += _counts(found, labels, classes, dataset.ignore_index)
            distributed.note('the sweep over thresholds')
            advance()
    return dict(zip(THRESHOLDS, map(scores, total), strict=True))


def _counts(
    found: tuple[np.ndarray, np.ndarray], labels: Tensor, classes: int, ignore: int
) -> Tensor:
    guesses: Iterable[np.ndarray] = (labels_of(*found, one) for one in THRESHOLDS)
    counts = [
        confusion(torch.from_numpy(guess.astype(np.int64)), labels, classes, ignore)
        for guess in guesses
    ]
    return torch.stack(counts)[:, :classes, :classes]
