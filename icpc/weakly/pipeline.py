"""`tools/weakly.py`: all stages of a plan, in the order in which they happen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from ..config.overrides import parse_overrides
from ..console.messages import say
from ..datasets.checks.verification import check_data
from ..errors import UserError
from ..run_dir.record import RunRecord
from . import stage_runs as runs
from .pseudo_masks import MASKS, make_pseudo_masks
from .refinement import refiner
from .stage_pictures import draw_stages
from .stage_plan import Plan, load_plan
from .tag_stage import make_tags

_STAGES = ('cam', 'clims', 'retrain')


def weakly(
    plan: str | Path,
    train: Callable[..., Any],
    out: str | Path | None = None,
    options: list[str] | dict[str, Any] | None = None,
    workers: int | None = None,
    **how: Any,
) -> dict[str, float]:
    """Make all stages of a plan that are not done, and print what each gave.

    Args:
        plan: The plan's file.
        train: What trains a config.
        out: The folder of all stages; by default `work_dirs/weakly/<plan's name>`.
        options: Overrides of all configs, or of one stage alone (`cam.max_iters=100`).
        workers: Processes that make pseudo masks.
        **how: More for `train`.

    Returns:
        `cam_mIoU` and `refined_mIoU` on the training pictures, `retrained_mIoU` on the test split.
    """
    known = load_plan(plan)
    out = Path(out or Path('work_dirs/weakly') / known.path.stem)
    given = _split(known, parse_overrides(options))
    say_plan(known, out, given)
    tags = make_tags(known.tags, _unread(known, 'cam', given, out), out)
    last = out / 'cam'
    with_tags = {'tags': str(tags)}
    runs.make(train, 'cam', known.config_of('cam'), given['cam'] | with_tags, last, **how)
    if known.clims is not None:
        begin = {'load_from': str(runs.checkpoint_of(last))}
        last = out / 'clims'
        stage = given['clims'] | with_tags | begin
        runs.make(train, 'clims', known.config_of('clims'), stage, last, **how)
    say(f'masks: of {last}')
    masks = known.masks
    make_pseudo_masks(last, out / 'masks', masks.refine, masks.options, masks.uncertain, workers)
    pseudo = {'pseudo_masks': str((out / 'masks' / MASKS).resolve())}
    stage = given['retrain'] | pseudo
    runs.make(train, 'retrain', known.config_of('retrain'), stage, out / 'retrain', **how)
    draw_stages(out, last)
    return conclude(known, out)


def _split(plan: Plan, options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The overrides of each stage: the plan's, those for all, and its own."""
    stages = [stage for stage in _STAGES if getattr(plan, stage) is not None]
    given = {}
    for stage in stages:
        shared = {k: v for k, v in options.items() if k.partition('.')[0] not in _STAGES}
        own = {k.partition('.')[2]: v for k, v in options.items() if k.partition('.')[0] == stage}
        given[stage] = {**getattr(plan, stage).options, **shared, **own}
    for key in options:
        first = key.partition('.')[0]
        if first in _STAGES and first not in stages:
            raise UserError(f'--cfg-options {key}: {plan.path} has no stage {first}')
    return given


def _unread(plan: Plan, stage: str, given: dict[str, dict[str, Any]], out: Path) -> Any:
    return runs.finished(plan.config_of(stage), given[stage], out / stage)


def say_plan(plan: Plan, out: Path, given: dict[str, dict[str, Any]]) -> None:
    """Say what each stage needs, before anything is made; raises where data are missing."""
    refiner(plan.masks.refine, plan.masks.options)  # refuses what it does not know
    say(f'{plan.path.name} -> {out}')
    table = Table()
    for column in ('stage', 'what', 'steps', 'state'):
        table.add_column(column)
    table.add_row('tags', f'{plan.tags.path} ({plan.tags.source})', '', '')
    for stage in [one for one in _STAGES if one in given]:
        cfg = _unread(plan, stage, given, out)
        loaders = ('val_dataloader', 'test_dataloader') if stage == 'retrain' else ()
        check_data(cfg, loaders or ('train_dataloader', 'val_dataloader'))
        state = RunRecord.if_whole(out / stage).state
        if stage == 'retrain':
            masks = RunRecord.if_whole(out / 'masks').state
            table.add_row('masks', f'refinement: {plan.masks.refine}', '', masks)
        table.add_row(stage, plan.config_of(stage).stem, str(cfg.train_cfg.max_iters), state)
    say(table)


def conclude(plan: Plan, out: Path) -> dict[str, float]:
    """Print the table of all stages; its last lines are the three numbers."""
    stages = [stage for stage in ('cam', 'clims') if getattr(plan, stage) is not None]
    table = Table(title='mIoU, percent')
    for column in ('stage', 'measured on', 'mIoU'):
        table.add_column(column, justify='right' if column == 'mIoU' else 'left')
    cam = 0.0
    for stage in stages:
        cam = RunRecord.of(out / stage).metrics['val']['cam_mIoU']
        table.add_row(f'CAM ({stage})', 'training pictures, unrefined', f'{cam:.2f}')
    refined = RunRecord.of(out / 'masks').metrics['train']['refined_mIoU']
    where = f'training pictures, refinement: {plan.masks.refine}'
    table.add_row('pseudo masks', where, f'{refined:.2f}')
    metrics = RunRecord.of(out / 'retrain').metrics
    split = 'test' if 'test' in metrics else 'val'
    retrained = metrics[split]['mIoU']
    table.add_row('retrained', f'{split} split', f'{retrained:.2f}')
    say(table)
    found = dict(cam_mIoU=cam, refined_mIoU=refined, retrained_mIoU=retrained)
    for key, value in found.items():
        say(f'{key}: {value:.2f}')
    return found
