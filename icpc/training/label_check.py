"""Checks the class list and the label ids of a dataset before the first step."""

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.utils.data import Dataset

from ..building import bare
from ..datasets.checks.pair_faults import verify_labels
from ..errors import UserError
from ..parts import class_names_of
from .keyed_random import AUGMENTATION, keyed


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Compares a dataset's classes with the model's, its masks with classes and pictures."""

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Check the training set, and the validation set if there is one."""
        self._check(runner, runner.train_dataloader.dataset)
        _check_packed(runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            self._check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        self._check(runner, runner.test_dataloader.dataset)

    def _check(self, runner: Runner, dataset: Dataset) -> None:
        names = [str(name).strip() for name in class_names_of(bare(runner.model))]
        classes = [str(name).strip() for name in dataset.metainfo['classes']]
        if names and names != classes:
            raise UserError(
                f'{type(dataset).__name__} has classes {classes[:5]}..., the model {names[:5]}...'
            )
        if is_main_process():
            verify_labels(dataset)


def _check_packed(dataset: Dataset) -> None:
    """Raise unless the pipeline of a training set gives what the model takes."""
    with keyed(AUGMENTATION, 0):  # the run's own random numbers stay as they are
        sample = dataset[0]
    if not isinstance(sample, dict) or {'inputs', 'data_samples'} - sample.keys():
        raise UserError(
            'train_pipeline gives no inputs and data_samples: its last step must be '
            "dict(type='PackSegInputs')"
        )
