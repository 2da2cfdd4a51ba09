"""Runs a converter for the command line: plan, progress bar, summary."""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ...errors import UserError
from ...names_file import read_names
from ..downloads.fetching import collect, refuse_if_elsewhere
from . import ade20k, ade20k_full, ade20k_names, camvid, cityscapes, coco_stuff, voc
from .outlines import coco2014
from .own import own_folder
from .own.own_colours import read_colours
from .own.own_ids import Ids
from .plan import Plan
from .sources import Source
from .writing import prepare

_PLANS: dict[str, Callable[[Source], Plan]] = {
    'ade20k': ade20k.plan,
    'coco2014': coco2014.plan,
    'coco-stuff10k': coco_stuff.plan_10k,
    'coco-stuff164k': coco_stuff.plan_164k,
    'voc': voc.plan_voc,
    'pascal-context59': voc.plan_context,
    'cityscapes': cityscapes.plan,
    'camvid': camvid.plan,
}


def run(arguments: argparse.Namespace) -> None:
    """Prepare the dataset that the arguments name.

    Args:
        arguments: `dataset`, `source` or `download` and `keep`, `out`, `workers` and the dataset's
            own.

    Raises:
        UserError: When places or source are not what they should be, or a file cannot be fetched
            or written.
    """
    source = Source(_downloaded(arguments) if arguments.download else _given(arguments))
    plan = make_plan(arguments, source)
    _write(arguments, source, plan)
    counts = Counter(job.target.rpartition('/')[0] for job in plan.jobs)
    for folder in sorted(counts)[:12]:
        print(f'{arguments.out}/{folder}: {counts[folder]} files')
    for note in plan.notes:
        print(note)


def _given(arguments: argparse.Namespace) -> Path:
    """`--source`, when places and processes can be used."""
    if arguments.keep is not None:
        raise UserError('--keep is the folder of --download; take it away, or --source')
    _check_places(arguments.source, '--source', arguments)
    return arguments.source


def _downloaded(arguments: argparse.Namespace) -> Path:
    """The folder of what was fetched, when places and processes can be used."""
    refuse_if_elsewhere(arguments.dataset)
    keep = (arguments.keep or arguments.out.parent / 'downloads') / arguments.dataset
    _check_places(keep, '--download to', arguments)
    return collect(arguments.dataset, keep)


def _check_places(read: Path, what: str, arguments: argparse.Namespace) -> None:
    """Raise for a target among the files that are read, or for no processes at all."""
    source, out = read.resolve(), arguments.out.resolve()
    if out == source or source in out.parents:
        raise UserError(
            f'--out {arguments.out} lies in {what} {read}: the next run would take '
            'its files for the download; give an --out elsewhere'
        )
    if arguments.download and out in source.parents:
        raise UserError(
            f'{what} {read} lies in --out {arguments.out}, which holds what is made of it alone; '
            'give a --keep elsewhere'
        )
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(f'--workers must be at least 1, got {arguments.workers}')


def make_plan(arguments: argparse.Namespace, source: Source) -> Plan:
    """What is to be written.

    Raises:
        UserError: When the source is not the edition that the dataset's name says.
    """
    if arguments.dataset == 'ade20k-full':
        table = ade20k_names.read_table(arguments.table) if arguments.table else None
        return ade20k_full.plan(source, table, arguments.expect_classes)
    if arguments.dataset == 'folder':
        names = read_names(arguments.names, f'--names {arguments.names}')
        ignored, own = tuple(arguments.ignore_id or ()), tuple(arguments.class_ids or ())
        palette = arguments.palette and read_colours(arguments.palette, tuple(names))
        ids = Ids(tuple(names), arguments.first_id, ignored, own, palette)
        asked = own_folder.Asked(
            arguments.images,
            arguments.masks,
            arguments.validation_every,
            arguments.image_name,
            arguments.mask_name,
            arguments.split == 'kept',
        )
        return own_folder.plan(source, asked, ids)
    return _PLANS[arguments.dataset](source)


def _write(arguments: argparse.Namespace, source: Source, plan: Plan) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    steps = prepare(
        source,
        arguments.out,
        plan.jobs,
        plan.settings,
        plan.texts,
        arguments.workers,
        plan.notes,
        plan.shown,
    )
    columns = (TextColumn(arguments.dataset), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns) as progress:
        task = progress.add_task(arguments.dataset, total=len(plan.jobs))
        for _ in steps:
            progress.advance(task)
