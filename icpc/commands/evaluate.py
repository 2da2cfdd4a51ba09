"""`tools/test.py`: evaluate a checkpoint."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import EarlyStoppingHook, Hook, ProfilerHook

from ..checkpoints.content import check_loads_safely
from ..config.load import finish_config, merge_config
from ..config.signatures import find_type, is_trained
from ..console.messages import say, silence_console
from ..datasets.checks.verification import check_data
from ..errors import UserError
from ..evaluation.results import ResultsHook
from ..ranks import distributed
from ..run_dir.lock import only_writer
from ..training.runner import SafeRunner


def evaluate(
    config: str,
    checkpoint: str | None = None,
    options: list[str] | dict[str, Any] | None = None,
    work_dir: str | None = None,
    split: str = 'test',
    tta: bool = False,
    out: str | None = None,
    show_dir: str | None = None,
    launcher: str = 'none',
    rank_timeout: float | None = None,
    change: Callable[[Config], None] | None = None,
    hooks: Sequence[Hook] = (),
) -> dict[str, float]:
    """Evaluate a checkpoint and print the per-class table.

    Args:
        config: Path of a config.
        checkpoint: A checkpoint that training wrote; None for a model with nothing to train.
        options: Overrides, as `--cfg-options`.
        work_dir: Where logs go; by default `work_dirs/<config name>_test`.
        split: `test` or `val`.
        tta: Average over scales and flips.
        out: Folder for the predicted masks.
        show_dir: Folder for the predictions drawn over the pictures.
        launcher: `none`, `pytorch` or `slurm`.
        rank_timeout: Minutes that a process may stand still before it ends; None for the config's.
        change: Is called with the finished config before anything is built from it.
        hooks: Watch the evaluation besides the config's.

    Returns:
        The metrics, in percent.
    """
    silence_console()
    distributed.start(launcher, rank_timeout)
    if checkpoint is not None:
        check_loads_safely(checkpoint)
    work_dir = work_dir or str(Path('work_dirs') / f'{Path(config).stem}_test')
    merged = merge_config(config, options)
    merged.train_dataloader = None  # its batch need not divide over the ranks of a test
    cfg = finish_config(merged, work_dir)
    _check_checkpoint(cfg, checkpoint)
    _keep_test_only(cfg, split, checkpoint)
    if tta:
        _augment(cfg)
    save_predictions(cfg, out, show_dir)
    if change is not None:
        change(cfg)
    check_data(cfg, ('test_dataloader',))
    with distributed.watched(cfg.get('rank_timeout')), writing_to(work_dir, out, show_dir):
        say(', '.join([Path(config).name, *([checkpoint] if checkpoint else []), f'{split} split']))
        return run_test(cfg, launcher, hooks)


def save_predictions(cfg: Config, out: str | None, show_dir: str | None) -> None:
    """Have predictions saved where a folder is given.

    Args:
        cfg: The config, changed in place.
        out, show_dir: As for :func:`evaluate`.
    """
    if out or show_dir:
        saving = dict(type='SavePredictionsHook', out=out, show_dir=show_dir)
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), saving]


@contextmanager
def writing_to(work_dir: str, out: str | None, show_dir: str | None) -> Iterator[None]:
    """Hold the folders that an evaluation writes to, while it does.

    Args:
        work_dir, out, show_dir: As for :func:`evaluate`.
    """
    options = {'--show-dir': show_dir, '--out': out, '--work-dir': work_dir}
    folders = {Path(folder).resolve(): option for option, folder in options.items() if folder}
    with ExitStack() as held:
        for folder, option in folders.items() if is_main_process() else ():
            held.enter_context(only_writer(folder, 'evaluates', option))
        yield


def run_test(cfg: Config, launcher: str = 'none', hooks: Sequence[Hook] = ()) -> dict[str, float]:
    """Test, print the table, and return the metrics in percent.

    Args:
        cfg: A finished config with a test split alone.
        launcher: `none`, `pytorch` or `slurm`.
        hooks: Watch the evaluation besides the config's.
    """
    runner, results = SafeRunner.from_cfg(cfg, launcher), ResultsHook()
    for hook in (results, *hooks):
        runner.register_hook(hook)
    try:
        return results.of_test(runner)
    finally:
        runner.close_loaders()


def _check_checkpoint(cfg: Config, checkpoint: str | None) -> None:
    """Raise unless a checkpoint is given just where there is something to train."""
    kind = (cfg.get('model') or {}).get('type')
    if checkpoint is None and is_trained(cfg.get('model')):
        raise UserError(
            f'{cfg.filename}: {kind} is trained, so name the checkpoint that the training wrote '
            'behind the config'
        )
    if checkpoint is not None and not is_trained(cfg.get('model')):
        raise UserError(
            f'{checkpoint}: {kind} has nothing to train, all weights come from model.clip; leave '
            'the checkpoint out'
        )


def _keep_test_only(cfg: Config, split: str, checkpoint: str | None) -> None:
    loader = cfg.get(f'{split}_dataloader')
    if loader is None:
        other = next((one for one in ('test', 'val') if cfg.get(f'{one}_dataloader')), None)
        hint = f'; take --split {other}' if other else ''
        raise UserError(f'--split {split}: the config has no {split}_dataloader{hint}')
    cfg.test_dataloader = loader
    if cfg.get('test_evaluator') is None:  # as where there is no test split
        cfg.test_evaluator = cfg.get(f'{split}_evaluator')
    for key in (
        'train_dataloader',
        'train_cfg',
        'optim_wrapper',
        'param_scheduler',
        'val_dataloader',
        'val_cfg',
        'val_evaluator',
    ):
        cfg[key] = None
    cfg.default_hooks.pop('checkpoint', None)
    cfg.custom_hooks = [hook for hook in cfg.get('custom_hooks') or () if not _of_training(hook)]
    cfg.load_from, cfg.resume = checkpoint, False
    if checkpoint is not None and cfg.model.get('clip') is not None:
        cfg.model.clip.pretrained = None  # the checkpoint holds the weights


def _of_training(hook: dict[str, Any]) -> bool:
    """Whether a hook of mmengine's asserts that something is trained."""
    cls = find_type(hook['type'], 'custom_hooks.0')
    return inspect.isclass(cls) and issubclass(cls, (EarlyStoppingHook, ProfilerHook))


def _augment(cfg: Config) -> None:
    if cfg.get('tta_model') is None or cfg.get('tta_pipeline') is None:
        raise UserError('--tta: the config has no tta_model and tta_pipeline')
    kind = find_type(cfg.model.type, 'model')
    if inspect.isclass(kind) and 'test_cfg' not in inspect.signature(kind).parameters:
        raise UserError(f'--tta: {kind.__name__} gives no logits of classes, which it averages')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.test_dataloader.batch_size = 1
    cfg.model.test_cfg = {**(cfg.model.get('test_cfg') or {}), 'keep_logits': True}
    cfg.model = dict(**cfg.tta_model, module=cfg.model)
