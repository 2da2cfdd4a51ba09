"""Whether the disk has room for a run's checkpoints, told before its first step."""

import shutil
from pathlib import Path

from mmengine.runner import Runner
from torch import optim

from ..foreign_files.torch_archives import bytes_of
from .content import steps_in
from .hook import NewestCheckpointsHook

_GIB = 2**30
# Tensors that an optimiser keeps for each parameter.
_KEPT = {optim.Adam: 2, optim.AdamW: 2, optim.RAdam: 2, optim.NAdam: 2, optim.RMSprop: 1}


def lack_of_room(runner: Runner) -> str | None:
    """What is missing on the disk of the work dir, None where all that is kept fits.

    Args:
        runner: With model and optimiser built; nothing of the run may be written yet.
    """
    hook = next((hook for hook in runner.hooks if isinstance(hook, NewestCheckpointsHook)), None)
    if hook is None:
        return None
    folder = Path(runner.work_dir)
    size = _weights(runner) + _state(runner)
    left = runner.max_iters - runner.iter
    # A new checkpoint is whole before an old one goes.
    files = min(-(-left // hook.interval), hook.keep + 1)
    there = [path.stat().st_size for path in steps_in(folder).values()]
    place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    if size * files <= free + sum(there):
        return None
    return (
        f'{folder}: {files} checkpoint(s) of about {size / _GIB:.2f} GiB are there at a time, and '
        f'{free / _GIB:.2f} GiB are free: make room, give a --work-dir on another disk, or keep '
        'fewer (default_hooks.checkpoint.keep=1)'
    )


def _weights(runner: Runner) -> int:
    """Bytes of the weights, and of those that train once more where an average is saved, too."""
    model, averages = runner.bare_model, [getattr(hook, 'averages', False) for hook in runner.hooks]
    trained = [p for p in model.parameters() if p.requires_grad] if any(averages) else []
    return bytes_of(model.state_dict()) + bytes_of(trained)


def _state(runner: Runner) -> int:
    """Bytes of what the optimiser will keep after its first step; 0 for one that is not known."""
    optimizer = runner.optim_wrapper.optimizer
    kept = _KEPT.get(type(optimizer), 0)
    groups = optimizer.param_groups
    if isinstance(optimizer, optim.SGD):
        kept = int(any(group.get('momentum') for group in groups))
    return kept * bytes_of([p for group in groups for p in group['params'] if p.requires_grad])
