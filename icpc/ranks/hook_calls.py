"""How the runner calls its hooks: each call is a sign of life, and numbers are not lost."""

from typing import Any

from mmengine.runner import Runner

from . import distributed

# What a rank does from a call of its hooks on, in words for one that stands still.
_PHASES = {
    'before_run': 'getting ready',
    'before_train': 'getting ready to train',
    'before_train_iter': 'step {next}',
    'after_train_iter': 'log and checkpoint after step {next}, and the data of the next one',
    'before_val': 'the validation after step {step}',
    'before_val_iter': 'batch {batch} of the validation after step {step}',
    'after_val_epoch': 'the end of the validation after step {step}',
    'before_requeue': 'saving after step {step}, since the run was told to stop',
    'before_test': 'the test',
    'before_test_iter': 'batch {batch} of the test',
    'after_test_epoch': 'the numbers of the test',
    'after_test': 'pictures after the test',
    'after_run': 'the end of the run',
}
_AFTER_EVALUATION = ('after_val_epoch', 'after_val', 'after_test_epoch', 'after_test', 'after_run')


class HookCalls(Runner):
    """The part of the runner that calls hooks.

    Attributes:
        has_begun: Whether hooks were told that the run begins.
    """

    has_begun = False

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call a method of all hooks; after an evaluation one that fails does not stop the others.

        So the numbers are written, printed and recorded, and the weights put back, whatever fails;
        the first error is raised then.
        """
        if fn_name == 'before_run':  # mmengine calls it again for the test after a training
            if self.has_begun:
                return
            self.has_begun = True
        phase = _PHASES.get(fn_name)
        if phase is not None:
            batch = kwargs.get('batch_idx', -1) + 1
            distributed.note(phase.format(step=self.iter, next=self.iter + 1, batch=batch))
        if fn_name not in _AFTER_EVALUATION:
            super().call_hook(fn_name, **kwargs)
            return
        failure = None
        for hook in self.hooks:
            try:
                getattr(hook, fn_name)(self, **kwargs)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
