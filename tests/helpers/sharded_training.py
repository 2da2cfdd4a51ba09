"""Run by torchrun on every rank: whole trainings with DDP and with FSDP2, in one process group.

Arguments: a config and an empty folder.
"""

import shutil
import sys
from pathlib import Path

import torch

from icpc.commands.train import train
from icpc.ranks import distributed

OPTIONS = {
    'max_iters': 4,
    'val_interval': 4,
    'default_hooks.checkpoint.interval': 2,
    'global_batch': 8,
    'gpu_batch': 2,
    'lr': 1e-3,
    'param_scheduler': None,
    'optim_wrapper.optimizer.eps': 1e-3,  # gradients near 0 are not blown up
    'clip_grad.max_norm': 1.0,
    'ema': 0.5,
}
NO_EVALUATION = {
    f'{split}_{part}': None
    for split in ('val', 'test')
    for part in ('dataloader', 'evaluator', 'cfg')
}


def continue_from(source: Path, folder: Path) -> Path:
    """A work dir that was stopped after step 2."""
    if torch.distributed.get_rank() == 0:
        shutil.copytree(source, folder)
        (folder / 'iter_4.pth').unlink()
        (folder / 'last_checkpoint').write_text('iter_2.pth')
    torch.distributed.barrier()
    return folder


def main(config: str, folder: Path) -> None:
    """Train with both, then resume each way's checkpoint with FSDP2."""
    torch.set_num_threads(1)
    distributed.start('pytorch')
    sharded = {**OPTIONS, 'parallel': 'fsdp2', 'activation_checkpointing': True}

    def run(options: dict, name: str, resume: bool = False) -> None:
        train(config, dict(options), str(folder / name), resume=resume, launcher='pytorch')

    for name, options, evaluation in (('ddp', OPTIONS, NO_EVALUATION), ('fsdp2', sharded, {})):
        run({**options, **evaluation}, name)
        continue_from(folder / name, folder / f'{name}_resumed')
        run({**sharded, **evaluation}, f'{name}_resumed', resume=True)
    distributed.stop()


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]))
