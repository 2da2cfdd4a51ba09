"""What a plan needs and takes, said before anything is made; what would fail later is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import MODELS
from rich.table import Table
from torch.utils.data import Dataset

from ...config.batch_plan import plan_batch, world_size
from ...console.messages import muted, say
from ...console.numbers import clock
from ...datasets.checks.listed_pictures import unread
from ...datasets.checks.verification import check_data
from ...errors import UserError
from ...inference.load_model import build
from ...run_dir.provenance import machine
from ...run_dir.record import FINISHED, whole_record
from .. import stage_runs as runs
from ..picture_maps import data_sets
from ..pseudo_masks import MAPS
from ..stage_plan import Plan
from ..tag_stage import names_of

Options = dict[str, dict[str, Any]]  # of each stage that is trained
_COLUMNS = ('stage', 'what', 'needs', 'takes', 'time', 'state')
_UNKNOWN = 'not known'
_CAMS = 'cam', 'class activation maps'
_GIVES = {'cam': _CAMS, 'clims': _CAMS, 'boundary': ('edge_logits', 'edges')}


def say_plan(plan: Plan, out: Path, given: Options) -> None:
    """Say what each stage needs and takes, and refuse what would fail in a later stage.

    Args:
        plan: The plan.
        out: The folder of all stages.
        given: Overrides of each stage that is trained.

    Raises:
        UserError: Missing data, classes or pictures that do not fit together, or a model that
            cannot be built.
    """
    say(f'{plan.path.name} -> {out}')
    configs = {stage: _config(plan, stage, given[stage], out) for stage in plan.trained}
    _check_kinds(plan, configs)
    _check_classes(plan, configs)
    for stage, cfg in configs.items():
        own = stage in ('cam', 'clims')  # the others train on what is not made yet
        loaders = ('train_dataloader',) if own else ('test_dataloader',)
        check_data(cfg, (*loaders, 'val_dataloader'))
    count = _check_pictures(plan, configs)
    _check_models(plan, configs, out)
    table = Table()
    for column in _COLUMNS:
        table.add_column(column)
    for row in _rows(plan, configs, out, count):
        table.add_row(*row)
    say(table)


def _config(plan: Plan, stage: str, options: dict[str, Any], out: Path) -> Config:
    try:
        return runs.finished(plan.config_of(stage), options, out / stage)
    except UserError as error:
        raise UserError(f'{stage}: {error}') from error


def _check_kinds(plan: Plan, configs: dict[str, Config]) -> None:
    """Each stage's model gives what the next one needs."""
    for stage, cfg in configs.items():
        needed, what = _GIVES.get(stage, (None, ''))
        kind = MODELS.get(cfg.model.type)
        if needed is not None and not hasattr(kind, needed):
            raise UserError(
                f'{plan.config_of(stage)}: stage {stage} needs a model that gives {what}; '
                f'{cfg.model.type} does not'
            )


def _check_classes(plan: Plan, configs: dict[str, Config]) -> None:
    """Masks hold ids of the classifier's classes: every stage has the same ones in its order."""
    first = [str(name).strip() for name in configs['cam'].class_names]
    for stage, cfg in configs.items():
        own = [str(name).strip() for name in cfg.class_names]
        if own != first:
            place = next(
                (i for i, pair in enumerate(zip(own, first, strict=False)) if len(set(pair)) > 1),
                None,
            )
            other = (
                f'{len(own)} and {len(first)} of them'
                if place is None
                else f'class {place} is {own[place]!r} and {first[place]!r}'
            )
            raise UserError(
                f'{plan.path}: the classes of {stage} are not those of cam ({other}), so that the '
                'ids of pseudo masks would mean something else; give both the same classes'
            )


def _check_pictures(plan: Plan, configs: dict[str, Config]) -> int:
    """The number of pictures that get masks; each picture that trains on one is among them."""
    untagged = configs[plan.classifier].copy()
    untagged.train_dataloader.dataset.tags = None
    if untagged.get('val_dataloader'):
        untagged.val_dataloader.dataset.tags = None
    every, _ = data_sets(untagged)
    pictures = {Path(every.get_data_info(i)['img_path']).resolve() for i in range(len(every))}
    for stage in ('boundary', 'retrain'):
        if stage not in configs:
            continue
        # Its masks are not there yet, so that it is read as a data set without any.
        dataset = dict(configs[stage].train_dataloader.dataset)
        prefix = {'img_path': (dataset.get('data_prefix') or {}).get('img_path', '')}
        own = unread({**dataset, 'data_prefix': prefix})
        if own is None:
            continue  # which is said later
        _check_ids(f'{plan.path}: {stage}', own)
        infos = [own.get_data_info(i) for i in range(len(own))]
        lost = [one['img_path'] for one in infos if Path(one['img_path']).resolve() not in pictures]
        if lost:
            raise UserError(
                f'{plan.path}: {len(lost)} pictures that {stage} trains on would get no mask, '
                f'among them {lost[0]}: they are no training pictures of {plan.classifier}'
            )
    return len(names_of(every))


def _check_ids(where: str, dataset: Dataset) -> None:
    ids, new = range(len(dataset.metainfo['classes'])), getattr(dataset, 'label_map', None) or {}
    if getattr(dataset, 'reduce_zero_label', False) or any(new.get(i, i) != i for i in ids):
        raise UserError(
            f'{where} would read ids of pseudo masks as other classes: its data set chooses among '
            'classes (leave `classes` out) or drops id 0 (set reduce_zero_label=False)'
        )


def _check_models(plan: Plan, configs: dict[str, Config], out: Path) -> None:
    """Build the model of each stage that is to be made; what cannot be built fails now."""
    for stage, cfg in configs.items():
        if runs.RunRecord.if_whole(out / stage).finished:
            continue
        try:
            with muted():
                build(cfg)
        except UserError as error:
            raise UserError(f'{plan.config_of(stage)}: {error}') from error


def _rows(plan: Plan, configs: dict[str, Config], out: Path, count: int) -> Iterator[list[str]]:
    yield ['tags', f'{plan.tags.path} ({plan.tags.source})', '', f'{count} pictures', '', '']
    needs = 'tags'
    pictures = f'{count} pictures'
    for stage, cfg in configs.items():
        if stage == 'clims' and plan.names is not None:
            yield ['names', 'of the CAMs', needs, pictures, *_state(out, 'names', count)]
            needs = 'tags, cam, names'
        if stage == 'boundary':
            yield ['seeds', f'CRF: {plan.seeds.crf}', needs, pictures, *_state(out, 'seeds', count)]
            needs = 'seeds'
        if stage == 'retrain':
            what = f'refinement: {plan.masks.refine}'
            of = f'{plan.classifier}, boundary' if plan.boundary else plan.classifier
            yield ['masks', what, of, pictures, *_state(out, 'masks', count, what)]
            needs = 'masks'
        steps = cfg.train_cfg.max_iters
        batch = cfg.get('global_batch')
        if batch is not None:
            plan_batch(batch, cfg.get('gpu_batch'), world_size())  # refuses what does not divide
        takes = f'{steps} steps' + (f' of {batch}' if batch else '')
        what = plan.config_of(stage).stem
        yield [stage, what, needs, takes, *_state(out, stage, steps, what)]
        needs = f'tags, {stage}' if stage == 'cam' and plan.clims else stage


def _state(out: Path, stage: str, units: int, what: str = '') -> list[str]:
    """How long a stage takes, as far as a former run of this machine tells, and its state."""
    own = whole_record(out / stage) or {}
    if own.get('state') == FINISHED:
        return [clock(own.get('seconds') or float('nan')), 'done']
    state = own.get('state', 'to do')
    folders = out.parent.iterdir() if out.parent.is_dir() else ()
    here = machine()
    for folder in sorted(folders):
        former = whole_record(folder / stage) or {}
        done = former.get('steps') or former.get('pictures')
        seconds, place = former.get('seconds'), former.get('machine') or {}
        same = all(place.get(key) == here[key] for key in ('processor', 'gpus'))
        if former.get('state') == FINISHED and done and seconds and same and _is(former, what):
            return [f'about {clock(seconds / done * units)} (as {folder.name})', state]
    return [_UNKNOWN, state]


def _is(former: dict[str, Any], what: str) -> bool:
    """Whether a former stage did the same: its config's name, or its refinement."""
    if 'config' in former:
        return Path(former['config']).stem == what
    refine = ((former.get('settings') or {}).get(MAPS) or {}).get('refine')
    return refine is None or what == f'refinement: {refine}'
