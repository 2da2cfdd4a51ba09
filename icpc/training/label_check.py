"""Checks the class list and the label ids of a dataset before the first step."""

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.utils.data import Dataset

from ..building import bare
from ..datasets.checks.verification import verify_labels
from ..datasets.picture_subset import PictureSubset
from ..errors import UserError, own_fault, refusing
from ..parts import class_names_of
from .keyed_random import AUGMENTATION, keyed


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Compares the dataset's classes with the model's, and its masks' ids with the classes.

    Args:
        all_up_to: Datasets of up to so many masks are read whole.
        sample: Masks read of a larger dataset, evenly spread.
    """

    priority = 'VERY_HIGH'

    def __init__(self, all_up_to: int = 500, sample: int = 200) -> None:
        self.all_up_to = all_up_to
        self.sample = sample

    def before_train(self, runner: Runner) -> None:
        """Check the training set, and the validation set if there is one."""
        _check_packed(runner.train_dataloader.dataset, 'train_dataloader')
        self._check(runner, runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            _check_packed(runner.val_dataloader.dataset, 'val_dataloader')
            self._check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        _check_packed(runner.test_dataloader.dataset, 'test_dataloader')
        self._check(runner, runner.test_dataloader.dataset)

    def _check(self, runner: Runner, dataset: Dataset) -> None:
        names = [str(name).strip() for name in class_names_of(bare(runner.model))]
        classes = [str(name).strip() for name in dataset.metainfo['classes']]
        if names and names != classes:
            raise UserError(
                f'{type(dataset).__name__} has classes {classes[:5]}..., the model {names[:5]}...'
            )
        if isinstance(dataset, PictureSubset):
            dataset = dataset.dataset  # a few pictures may well be ignored whole
        if is_main_process():
            verify_labels(dataset, self.all_up_to, self.sample)


def _check_packed(dataset: Dataset, loader: str) -> None:
    """Raise unless the pipeline of a data set works, and gives what the model takes."""
    # The run's own random numbers stay as they are.
    with keyed(AUGMENTATION, 0):
        try:
            sample = dataset[0]
        except Exception as error:
            if own_fault(error) is not None:
                raise
            with refusing(f'the first sample of {loader}'):
                raise
    if not isinstance(sample, dict) or {'inputs', 'data_samples'} - sample.keys():
        raise UserError(
            f'{loader}.dataset.pipeline gives no inputs and data_samples: its last step must be '
            "dict(type='PackSegInputs')"
        )
