"""mmengine's Runner with safe checkpoints and a silent console."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import EarlyStoppingHook
from mmengine.logging import MMLogger
from mmengine.model import convert_sync_batchnorm
from mmengine.runner import BaseLoop, Runner
from mmseg.registry import RUNNERS
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.utils.data import DataLoader

from ..building import bare
from ..checkpoints.content import (
    POINTER,
    drop_foreign,
    history,
    load_checkpoint,
    plain,
    save_atomically,
)
from ..checkpoints.fitting import load_weights
from ..checkpoints.resumable import check_hub, check_like, check_meta, check_state
from ..console.messages import say
from ..datasets.named_steps import name_steps
from ..errors import UserError, described, own_fault, refusing
from ..evaluation.equal_names import refuse_equal_names
from ..evaluation.pictures import class_names, palette_of
from ..files import write_text_atomically
from ..picture_sizes import predict_in_groups
from ..ranks.fsdp import WholeInEvaluationHook, shard, whole
from ..ranks.hook_calls import HookCalls
from ..run_dir.record import run_identity
from ..startup.program import typed_for_ranks
from .data_order import KeyedDataset, samples_positions
from .loading.patient_loader import PatientLoader
from .loop import GlobalBatchLoop
from .preemption import StopSignals, shield_workers


def _is_sharded(cfg: Config) -> bool:
    return cfg.get('parallel') == 'fsdp2' and cfg.get('train_dataloader') is not None


@contextmanager
def _as_written(filename: str) -> Iterator[None]:
    """Name the checkpoint of which a part is not as a training writes it."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if own_fault(error) is not None:
            raise
        raise UserError(
            f'{filename}: is not as this run writes it ({described(error)}); take a whole copy of '
            'it, or remove it: --resume takes the one before'
        ) from error


def _named(key: str, build: Callable[[Any], BaseLoop], loop: Any) -> BaseLoop:
    """Build a loop; what is wrong with its loader is told by the loader's key, then and later."""
    with refusing(key):
        built = build(loop)
    if isinstance(built.dataloader, PatientLoader):
        built.dataloader.name = key
    return built


class _OnceWritten(Config):
    """A config whose text is made once: mmengine asks for it several times a run, and yapf takes a
    quarter of a second for it.
    """

    @property
    def pretty_text(self) -> str:
        """The text as it was when it was asked for first."""
        if '_written' not in self.__dict__:
            object.__setattr__(self, '_written', super().pretty_text)
        return self.__dict__['_written']


@RUNNERS.register_module()
class SafeRunner(HookCalls):
    """Loads strictly and with `weights_only`, saves atomically, logs to the file alone.

    Attributes:
        signals: Those that tell the training loop to stop; none come unless others are set.
        saved_step: The optimiser steps of the last checkpoint, None before the first.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.signals = StopSignals()
        self.saved_step: int | None = None
        super().__init__(*args, **kwargs)

    @classmethod
    def from_cfg(cls, cfg: Config, launcher: str = 'none') -> SafeRunner:
        """Build a runner; what its parts refuse becomes one clear message.

        Args:
            cfg: A finished config.
            launcher: `none`, or what started the process group.

        Raises:
            UserError: It names the part and what is wrong with it.
        """
        cfg = _OnceWritten({**cfg.to_dict(), 'launcher': launcher}, filename=cfg.filename)
        # mmengine keeps visualisers, hubs and loggers of the process by this name.
        cfg.experiment_name = f'{Path(cfg.filename or "run").stem}_{uuid4().hex}'
        for split in ('val', 'test'):
            if cfg.get(f'{split}_dataloader') is None:  # so there is nothing to evaluate
                cfg[f'{split}_cfg'] = cfg[f'{split}_evaluator'] = None
        with refusing('the config'):
            runner = super().from_cfg(cfg)
            if runner._test_evaluator is not None:
                # mmengine would build it after the training, and only then see what is wrong.
                runner._test_evaluator = runner.build_evaluator(runner._test_evaluator)
            if _is_sharded(cfg):
                runner.register_hook(WholeInEvaluationHook())
            return runner

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop with its loader and dataset."""
        return _named('train_dataloader', super().build_train_loop, loop)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop with its loader and dataset."""
        return _named('val_dataloader', super().build_val_loop, loop)

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop with its loader and dataset."""
        return _named('test_dataloader', super().build_test_loop, loop)

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Register mmengine's, of which one reads its numbers when they are due."""
        ours = {'runtime_info': {'type': 'LateRuntimeInfoHook'}}
        super().register_default_hooks({**ours, **(hooks or {})})

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimiser and its wrapper."""
        with refusing('optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedules."""
        with refusing('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Share the model between the ranks as `parallel` says; on CPUs DDP takes no device ids.

        Raises:
            UserError: When one process is to split a model, or for options that nothing would read.
        """
        predict_in_groups(model)
        own = dict(model_wrapper_cfg or {})
        if own.get('detect_anomalous_params'):
            raise UserError(
                'model_wrapper_cfg.detect_anomalous_params would not be read: the training loop '
                'itself names trainable parameters that no loss depends on; take it out'
            )
        if _is_sharded(self.cfg):
            return self._shard(own, model)
        if self.distributed and get_device() == 'cpu':
            unused = self.cfg.get('find_unused_parameters', False)
            ours = dict(broadcast_buffers=False, find_unused_parameters=unused)
            own = {'type': 'MMDistributedDataParallel', 'device_ids': None, **ours, **own}
        return super().wrap_model(own or None, model)

    def _shard(self, own: dict[str, Any], model: nn.Module) -> nn.Module:
        if own:
            raise UserError("parallel='fsdp2' does not read model_wrapper_cfg: take it out")
        if not self.distributed:
            raise UserError(
                "parallel='fsdp2' splits the model over several processes: start with "
                f"`{typed_for_ranks('pytorch')} --launcher pytorch`, or set parallel='ddp'"
            )
        model = model.to(get_device())
        kind = self.cfg.get('sync_bn')
        return shard(model if kind is None else convert_sync_batchnorm(model, kind))

    def build_logger(
        self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: Any
    ) -> MMLogger:
        """Keep mmengine's log in the work dir's file; the console belongs to the progress hook."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        logger.handlers = [
            handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)
        ]
        for handler in logger.handlers:  # whatever the language of the system is
            handler.stream.reconfigure(encoding='utf-8')
        return logger

    def build_evaluator(self, evaluator: dict | list | Evaluator) -> Evaluator:
        """Build an evaluator whose metrics do not give the same numbers under the same name."""
        built = super().build_evaluator(evaluator)
        refuse_equal_names(built.metrics)
        return built

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a loader; a `PositionSampler` brings random numbers of each position's own.

        A step of a pipeline that fails names the picture.
        """
        if isinstance(dataloader, dict) and samples_positions(dataloader):
            keyed = dict(type=KeyedDataset.__name__, dataset=dataloader['dataset'])
            dataloader = {**dataloader, 'dataset': keyed}
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        name_steps(loader.dataset)
        shield_workers(loader)
        PatientLoader.take(loader)
        return loader

    def close_loaders(self) -> None:
        """End the loaders' processes.

        The garbage collector would close their queues first, and then wait 5 s for each process.
        """
        for loop in (self._train_loop, self._val_loop, self._test_loop):
            if isinstance(loop, BaseLoop) and isinstance(loop.dataloader, PatientLoader):
                loop.dataloader.close()

    def _init_model_weights(self) -> None:
        if not isinstance(self.model, FSDPModule):  # initialised before it was split
            with refusing('model.init_cfg'):
                super()._init_model_weights()

    def dump_config(self) -> None:
        """Nothing: the tools write the config with its variables, which can be overridden again."""

    @property
    def bare_model(self) -> nn.Module:
        """The model inside DDP or test-time augmentation."""
        return bare(self.model)

    def load_checkpoint(self, filename: str, map_location: str = 'cpu', **_: Any) -> dict[str, Any]:
        """Load weights, strictly but for `load_from_partial`; returns the whole checkpoint."""
        checkpoint = load_checkpoint(filename, map_location)
        with _as_written(filename):
            self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        fine_tunes = self._train_loop is not None and not self.cfg.get('resume')
        partial = fine_tunes and bool(self.cfg.get('load_from_partial'))
        load_weights(self.bare_model, checkpoint, filename, fine_tunes, partial)
        self.logger.info(f'loaded {filename}')
        return checkpoint

    def resume(self, filename: str, **_: Any) -> None:
        """Continue from a checkpoint: weights, optimiser, schedules, counters, log histories.

        Raises:
            UserError: When a part of it is not what this run would have written.
        """
        checkpoint = self.load_checkpoint(filename, map_location=get_device())
        with _as_written(filename):
            self._go_on(checkpoint)
        self.logger.info(f'resumed at iteration {self.iter}')

    def _go_on(self, checkpoint: dict[str, Any]) -> None:
        check_meta(checkpoint['meta'])
        check_state(checkpoint['optimizer'], self.optim_wrapper)
        for number, (scheduler, state) in enumerate(
            zip(self.param_schedulers or [], checkpoint['param_schedulers'], strict=True)
        ):
            check_like(state, plain(scheduler.state_dict()), f'its schedule {number}')
        hub = checkpoint['message_hub']
        check_hub(hub)
        hub['log_scalars'] = {key: history(buffer) for key, buffer in hub['log_scalars'].items()}
        self.message_hub.load_state_dict(hub)
        meta = checkpoint['meta']
        # Checkpoints without the entry were only ever resumed after the validation.
        self.train_loop.go_on(meta['iter'], meta.get('validated', meta['iter']))
        self.saved_step = meta['iter']
        for hook, state in zip(self._early_stops(), meta.get('early_stops', ()), strict=False):
            hook.wait_count, hook.best_score, self.train_loop.stop_training = state
        self._take_seed(meta.get('seed'))
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        states = checkpoint['param_schedulers']
        for scheduler, state in zip(self.param_schedulers or [], states, strict=True):
            scheduler.load_state_dict(state)

    def _take_seed(self, seed: int | None) -> None:
        """A run whose seed was not chosen goes on with the one it began with."""
        if (self.cfg.get('randomness') or {}).get('seed') is None:
            self._seed = seed
        elif seed != self.seed and get_rank() == 0:
            say(f'seed {self.seed} goes on where seed {seed} was saved: other data from here on')

    def _meta(self) -> dict[str, Any]:
        dataset = self.train_dataloader.dataset
        metainfo = getattr(dataset, 'metainfo', {})
        return {
            'cfg': self.cfg.pretty_text,
            'seed': self.seed,
            'run': run_identity(self.work_dir),
            'validated': getattr(self.train_loop, 'validated', self.iter),
            'classes': list(metainfo.get('classes') or []),
            'palette': metainfo.get('palette'),
            'dataset_meta': _names_and_colours(dataset),  # read by `mmseg.apis`
            'early_stops': [
                (hook.wait_count, hook.best_score, self.train_loop.stop_training)
                for hook in self._early_stops()
            ],
        }

    def _early_stops(self) -> list[EarlyStoppingHook]:
        return [hook for hook in self.hooks if isinstance(hook, EarlyStoppingHook)]

    def save_checkpoint(
        self, out_dir: str, filename: str, meta: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Write a checkpoint, then move the pointer to it; all ranks call it, one writes.

        Args:
            out_dir: Folder.
            filename: Name inside it.
            meta: `epoch` and `iter` done.
        """
        if isinstance(self.train_loop, GlobalBatchLoop):
            self.train_loop.check_losses()
        self.call_hook('read_numbers')
        hub = self.message_hub.state_dict()
        info = drop_foreign(hub['runtime_info'])
        keys = {
            key: kept
            for key, kept in hub['resumed_keys'].items()
            if key in info or key in hub['log_scalars']
        }
        checkpoint = {
            'meta': plain({**(meta or {}), **self._meta()}),
            'state_dict': whole(self.bare_model.state_dict()),
            'optimizer': whole(self.optim_wrapper.state_dict()),
            'param_schedulers': [
                plain(scheduler.state_dict()) for scheduler in self.param_schedulers or []
            ],
            'message_hub': {
                'log_scalars': plain(dict(hub['log_scalars'])),
                'runtime_info': info,
                'resumed_keys': keys,
            },
        }
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        self.saved_step = checkpoint['meta']['iter']
        if is_main_process():
            save_atomically(checkpoint, Path(out_dir) / filename)
            write_text_atomically(filename, Path(out_dir) / POINTER)


def _names_and_colours(dataset: Any) -> dict[str, Any]:
    """`classes` and `palette` of a data set, empty where it has no classes."""
    if not getattr(dataset, 'metainfo', {}).get('classes'):
        return {}
    return {'classes': class_names(dataset), 'palette': palette_of(dataset).tolist()}
