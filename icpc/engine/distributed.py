"""Starts the process group; gloo where there is no GPU."""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import init_dist
from torch import distributed

from ..errors import UserError

LAUNCHERS = ('none', 'pytorch', 'slurm')


def start(launcher: str) -> None:
    """Join the process group that torchrun or Slurm prepared.

    mmengine would call `torch.cuda.set_device` first, which fails without a GPU even for gloo.

    Args:
        launcher: `none`, `pytorch` (torchrun) or `slurm`.
    """
    if launcher == 'none' or distributed.is_initialized():
        return
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError(
            '--launcher pytorch: start with `torchrun --nproc_per_node N tools/train.py ...`'
        )
    if torch.cuda.is_available():
        init_dist(launcher, backend='nccl')
    elif launcher == 'pytorch':
        distributed.init_process_group('gloo', timeout=timedelta(minutes=30))
    else:
        raise UserError('--launcher slurm needs GPUs; on CPUs use torchrun and --launcher pytorch')


def stop() -> None:
    """Leave the process group, all ranks together: gloo aborts a rank whose peers are gone."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def add_wrapper(cfg: Config, launcher: str) -> None:
    """Choose how ranks share the model: `parallel`, and for evaluation DDP.

    On CPUs, DDP must not be given device ids; on GPUs mmengine's own choice is right.

    Raises:
        UserError: When one process is to shard a model.
    """
    cfg.launcher = launcher
    sharded = cfg.get('parallel') == 'fsdp2' and cfg.get('train_dataloader') is not None
    if sharded and launcher == 'none':
        raise UserError(
            "parallel='fsdp2' splits the model over several processes: start with `torchrun "
            "--nproc_per_node N tools/train.py ... --launcher pytorch`, or set parallel='ddp'"
        )
    if sharded:
        cfg.model_wrapper_cfg = dict(type='FullySharded')
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='WholeInEvaluationHook')]
    elif launcher != 'none' and not torch.cuda.is_available():
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
