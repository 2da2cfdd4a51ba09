"""Run on every rank: trainings of batch norms and tests, in one process group.

Arguments: a config and an empty folder.
"""

import json
import shutil
import sys
from pathlib import Path

import torch

from icpc.commands.evaluate import evaluate
from icpc.commands.train import train
from icpc.ranks import distributed

OPTIONS = {
    'max_iters': 5,
    'val_interval': 2,
    'default_hooks.checkpoint.keep': 9,
    'gpu_batch': 1,
    'lr': 0.02,
    'eval_batch': 1,
    'ema': 0.5,
}


def main(config: str, folder: Path) -> None:
    """Train, saved after every step; go on from the third, saved less often; shard; test."""
    torch.set_num_threads(1)
    distributed.start('pytorch')

    def run(name: str, resume: bool = False, **options: object) -> None:
        options = {**OPTIONS, **options}
        train(config, options, str(folder / name), resume=resume, launcher='pytorch')

    run('whole', **{'default_hooks.checkpoint.interval': 1})
    if torch.distributed.get_rank() == 0:
        shutil.copytree(folder / 'whole', folder / 'resumed')
        for step in (4, 5):
            (folder / f'resumed/iter_{step}.pth').unlink()
        (folder / 'resumed/last_checkpoint').write_text('iter_3.pth')
    torch.distributed.barrier()
    run('resumed', resume=True)
    run('sharded', parallel='fsdp2')
    found = evaluate(
        config,
        str(folder / 'whole/iter_5.pth'),
        OPTIONS,
        str(folder / 'tta'),
        'val',
        tta=True,
        out=str(folder / 'masks'),
        show_dir=str(folder / 'shown'),
        launcher='pytorch',
    )
    (folder / 'tta.json').write_text(json.dumps(found))
    distributed.stop()


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]))
