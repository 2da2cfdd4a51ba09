"""Stage 0: the tags of all pictures that stages 1 to 3 read, in one file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from ..console.messages import say
from ..datasets.mask_reading import annotation_loader, read_labels
from ..errors import UserError, refusing
from ..files import read_json, write_text_atomically
from ..weak.tags.tag_files import TagFile, Tags, write_tags
from ..weak.tags.tag_sources import tags_from_coco, tags_from_xml, tags_of_labels
from .stage_plan import TagPlan

NAME, _ORIGIN = 'tags.json', 'tags_from.json'
_MOST = 10  # classes that a message names
_READ = [dict(type='LoadAnnotations')]  # where no masks score


def make_tags(plan: TagPlan, cfg: Config, out: Path) -> Path:
    """The file of tags of the training and the scored pictures; one that is there stays.

    Args:
        plan: Where they come from.
        cfg: The finished config of stage 1, whose data sets name the pictures.
        out: The folder of all stages.

    Returns:
        The file: `tags.json` in `out`, or the plan's own.
    """
    root = Path(cfg.train_dataloader.dataset.get('data_root') or '')
    path = Path(plan.path) if Path(plan.path).exists() else root / plan.path
    target = path if plan.source == 'file' else out / NAME
    if not (target.is_file() or path.exists()) and plan.source != 'file':
        raise UserError(f'{path}: no such {_WHAT[plan.source]}, from which the tags come')
    splits = [one for one in ('train', 'val') if cfg.get(f'{one}_dataloader')]
    datasets = [build(cfg[f'{split}_dataloader'].dataset) for split in splits]
    classes = [str(name) for name in datasets[0].metainfo['classes'][1:]]
    if target.is_file() or plan.source == 'file':
        _check_origin(plan, target)
        known = TagFile(target)
        found = [known.vectors(names_of(dataset), classes) for dataset in datasets]
        _check_counts(target, np.stack([*found[0].values()]).sum(axis=0), classes)
        return known.path.resolve()
    names = sorted({name for dataset in datasets for name in names_of(dataset)})
    if plan.source == 'xml':
        tags = tags_from_xml(path, names, classes)
    elif plan.source == 'coco':
        tags = tags_from_coco(path, classes, names)
    else:
        tags = {}
        for split in splits:
            masks = {'seg_map_path': str(path.resolve())}
            own = cfg.val_dataloader.dataset.pipeline if 'val' in splits else _READ
            with_masks = build(cfg[f'{split}_dataloader'].dataset, masks, own)
            tags |= _of_masks(with_masks, plan.smallest)
    train = [set(tags[name]) for name in names_of(datasets[0])]
    _check_counts(
        path, np.array([sum(one in shown for shown in train) for one in classes]), classes
    )
    write_tags(tags, target)
    write_text_atomically(json.dumps(plan.model_dump()), out / _ORIGIN)
    count = sum(map(len, tags.values()))
    say(f'{target}: {count} tags of {len(tags)} pictures, from {plan.source}')
    return target.resolve()


def _check_origin(plan: TagPlan, tags: Path) -> None:
    """Refuse tags that a plan with other tags has written."""
    origin = tags.parent / _ORIGIN
    if plan.source == 'file' or not origin.is_file():
        return
    former, now = read_json(origin, f'remove it and {tags}, they are made again'), plan.model_dump()
    changed = [f'{key}={former.get(key)!r}' for key in now if former.get(key) != now[key]]
    if changed:
        raise UserError(
            f'{tags} was made of tags with {", ".join(changed)}: remove it to make it again, or '
            'give another --out'
        )


def _check_counts(origin: Path, counts: np.ndarray, classes: list[str]) -> None:
    """Say which classes no training picture shows, and refuse tags of none."""
    if not counts.any():
        raise UserError(f'{origin}: no training picture shows one of the classes, by its tags')
    lost = [name for name, count in zip(classes, counts, strict=True) if not count]
    if lost:
        more = ', ...' if len(lost) > _MOST else ''
        say(f'note: no training picture shows {", ".join(lost[:_MOST])}{more}: nothing learns it')


_WHAT = {'masks': 'folder of masks', 'xml': 'folder of XML files', 'coco': 'instances file'}


def build(
    dataset: dict[str, Any], prefix: dict[str, str] | None = None, steps: list | None = None
) -> Dataset:
    """A data set of a config without its tags, with all its pictures, whatever `indices` says.

    Args:
        dataset: Its config.
        prefix: More of `data_prefix`.
        steps: Its pipeline; None for none.
    """
    prefix = {**dataset['data_prefix'], **(prefix or {})}
    with refusing('the data set of the tags'), DefaultScope.overwrite_default_scope('mmseg'):
        return DATASETS.build(
            {
                **dataset,
                'tags': None,
                'indices': None,
                'data_prefix': prefix,
                'pipeline': list(steps or []),
            }
        )


def names_of(dataset: Dataset) -> list[str]:
    """The names of a tagged data set's pictures, in its order."""
    return [dataset.name_of(dataset.get_data_info(i)) for i in range(len(dataset))]


def _of_masks(dataset: Dataset, smallest: float) -> Tags:
    load = annotation_loader(dataset)
    if load is None:
        raise UserError('tags from masks: the pipeline of val_dataloader loads no annotations')
    classes = [str(name) for name in dataset.metainfo['classes']]
    return {
        name: tags_of_labels(read_labels(dataset, index, load), classes, smallest)
        for index, name in enumerate(names_of(dataset))
    }
