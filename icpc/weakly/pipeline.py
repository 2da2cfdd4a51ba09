"""`tools/weakly.py`: all stages of a plan, in the order in which they happen."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from ..config.overrides import parse_overrides
from ..console.messages import say, silence_console
from ..errors import UserError
from ..ranks import distributed
from ..ranks.first_rank import on_first_rank
from ..run_dir.record import RunRecord
from . import stage_runs as runs
from .names.name_stage import CHOICES, choose_names
from .plans.plan_check import Options, say_plan
from .plans.plan_file import load_plan, plan_options
from .plans.plan_record import record_plan
from .pseudo_masks import MASKS, make_pseudo_masks
from .seed_stage import make_seeds
from .stage_pictures import draw_stages
from .stage_plan import TRAINED, Plan
from .tag_stage import make_tags


def weakly(
    plan: str | Path,
    train: Callable[..., Any],
    out: str | Path | None = None,
    options: list[str] | dict[str, Any] | None = None,
    workers: int | None = None,
    launcher: str = 'none',
    rank_timeout: float | None = None,
    share: bool = False,
) -> dict[str, float]:
    """Make all stages of a plan that are not done, and print what each gave.

    Of several ranks all train; the first one does the rest, in several processes.

    Args:
        plan: The plan's file.
        train: What trains a config.
        out: The folder of all stages; by default `work_dirs/weakly/<plan's name>`.
        options: Overrides of all configs, of one stage alone (`cam.max_iters=100`), or of the plan
            (`masks.refine=crf`, `clims.config=...`), see `plans.plan_file`.
        workers: Processes that make seeds and pseudo masks.
        launcher: `none`, `pytorch` or `slurm`.
        rank_timeout: Minutes that a rank may stand still before it ends.
        share: Take stages that a plan's folder beside has finished, made of the same, from there.

    Returns:
        `cam_mIoU` and `refined_mIoU` on the training pictures, `retrained_mIoU` on the test split;
        the first two only where training pictures have masks to measure with.
    """
    silence_console()
    distributed.start(launcher, rank_timeout)
    of_plan, options = plan_options(parse_overrides(options))
    known = load_plan(plan, of_plan)
    out = Path(out or Path('work_dirs/weakly') / known.path.stem)
    given = _split(known, options, out)
    tags = on_first_rank(partial(_begin, known, out, given), 'the check of the plan, and the tags')
    for stage in ('cam', 'clims', 'boundary', 'retrain'):
        if stage == 'clims' and known.names is not None:
            on_first_rank(partial(_names, known, out, given, share), 'the names')
        if stage == 'boundary' and known.boundary is not None:
            cams, seeds = out / known.classifier, out / 'seeds'
            on_first_rank(partial(make_seeds, cams, seeds, known.seeds, workers, share), 'seeds')
        if stage == 'retrain':
            on_first_rank(partial(_masks, known, out, workers, share), 'pseudo masks')
        if getattr(known, stage) is not None:
            more = on_first_rank(partial(_inputs, stage, out, str(tags)), f'the start of {stage}')
            how = dict(share=share, launcher=launcher, rank_timeout=rank_timeout)
            folder = out / stage
            runs.make(train, stage, known.config_of(stage), given[stage] | more, folder, **how)
    on_first_rank(partial(draw_stages, out, out / known.classifier), 'the pictures')
    return on_first_rank(partial(_end, known, out, given), 'the table')


def _split(plan: Plan, options: dict[str, Any], out: Path) -> Options:
    """The overrides of each stage: the plan's, those for all, its own, and the table of names."""
    given = {}
    for stage in plan.trained:
        shared = {k: v for k, v in options.items() if k.partition('.')[0] not in TRAINED}
        own = {k.partition('.')[2]: v for k, v in options.items() if k.partition('.')[0] == stage}
        given[stage] = {**getattr(plan, stage).options, **shared, **own}
    for key in options:
        first = key.partition('.')[0]
        if first in TRAINED and first not in plan.trained:
            raise UserError(f'--cfg-options {key}: {plan.path} has no stage {first}')
    if plan.names is not None:
        if 'choices' in given['clims']:
            raise UserError(f'{plan.path}: choices= is of another table than the stage names makes')
        given['clims']['choices'] = str((out / 'names' / CHOICES).resolve())
    return given


def _begin(plan: Plan, out: Path, given: Options) -> Path:
    """Say what is to be done, and write the tags; their file."""
    say_plan(plan, out, given)
    return make_tags(
        plan.tags, runs.finished(plan.config_of('cam'), given['cam'], out / 'cam'), out
    )


def _inputs(stage: str, out: Path, tags: str) -> dict[str, str]:
    """The overrides by which a stage gets what former stages made."""
    if stage == 'cam':
        return {'tags': tags}
    if stage == 'clims':
        return {'tags': tags, 'load_from': str(runs.checkpoint_of(out / 'cam'))}
    made = {'boundary': 'seeds', 'retrain': 'masks'}[stage]
    return {'pseudo_masks': str((out / made / MASKS).resolve())}


def _names(plan: Plan, out: Path, given: Options, share: bool) -> None:
    say(f'names: of {out / "cam"}')
    config, published = plan.config_of('clims'), plan.names.published
    choose_names(config, out / 'cam', out / 'names', given['clims'], published, share=share)


def _masks(plan: Plan, out: Path, workers: int | None, share: bool) -> dict[str, float]:
    masks, options = plan.masks, plan.masks.options
    if plan.boundary is not None:
        options = {**options, 'network': str(out / 'boundary')}
    say(f'masks: of {out / plan.classifier}')
    return make_pseudo_masks(
        out / plan.classifier,
        out / 'masks',
        masks.refine,
        options,
        masks.uncertain,
        workers,
        masks.threshold,
        share,
    )


def _end(plan: Plan, out: Path, given: Options) -> dict[str, float]:
    found = conclude(plan, out)
    record_plan(plan, out, given, found)
    return found


def conclude(plan: Plan, out: Path) -> dict[str, float]:
    """Print the table of all stages; its last lines are the numbers, as far as they are known."""
    table = Table(title='mIoU, percent')
    for column in ('stage', 'measured on', 'mIoU'):
        table.add_column(column, justify='right' if column == 'mIoU' else 'left')
    metrics = {stage: RunRecord.of(out / stage).metrics for stage in (*plan.trained, 'masks')}
    split = 'test' if 'test' in metrics['retrain'] else 'val'
    refined = f'training pictures, refinement: {plan.masks.refine}'
    rows = [
        *(
            (f'CAM ({one})', 'training pictures, unrefined', metrics[one].get('val'), 'cam_mIoU')
            for one in plan.trained
            if one in ('cam', 'clims')
        ),
        ('pseudo masks', refined, metrics['masks'].get('train'), 'refined_mIoU'),
        ('retrained', f'{split} split', metrics['retrain'].get(split), 'mIoU'),
    ]
    found = {}
    for name, where, measured, key in rows:
        value = (measured or {}).get(key)
        table.add_row(name, where, 'no masks to measure with' if value is None else f'{value:.2f}')
        if value is not None:
            found[key if key != 'mIoU' else 'retrained_mIoU'] = value
    say(table)
    for key, value in found.items():
        say(f'{key}: {value:.2f}')
    return found
