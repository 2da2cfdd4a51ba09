"""Data sets of the toys whose reading stalls, dies or fills shared memory; named in configs."""

import os
import signal
import time

import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS, TRANSFORMS
from torch.utils.data import get_worker_info


@TRANSFORMS.register_module()
class Stall:
    """At one picture of a split, the process that reads it does something from the table.

    Args:
        at: The end of the picture's path.
        how: `stop`, `sleep`, `kill`, `leave` or `fill`.
        once: A file that says that it has happened; it happens once then.
    """

    def __init__(self, at: str, how: str, once: str | None = None):
        self.at, self.how, self.once = at, how, once

    def __call__(self, results: dict) -> dict:
        path = results['img_path'] if 'img_path' in results else results['data_samples'].img_path
        if not path.endswith(self.at):
            return results
        if self.once is not None:
            if os.path.exists(self.once):
                return results
            open(self.once, 'w').close()
        if self.how in ('stop', 'kill') and get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGSTOP if self.how == 'stop' else signal.SIGKILL)
        elif self.how == 'leave':
            os._exit(3)
        elif self.how == 'fill':
            results['data_samples'].set_field(torch.zeros(2**20), 'big')
        elif self.how == 'sleep':
            time.sleep(600)
        return results


@HOOKS.register_module()
class SlowSteps(Hook):
    """Each step takes more seconds: those of the variable SLOW_STEPS, if there is one."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        time.sleep(float(os.environ.get('SLOW_STEPS', 0)))
