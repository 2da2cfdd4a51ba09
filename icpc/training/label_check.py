"""Checks the class list and the label ids of a dataset before the first step."""

from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.utils.data import Dataset

from ..building import bare
from ..datasets.checks.pair_faults import verify_labels
from ..errors import UserError, own_fault, refusing
from ..parts import class_names_of
from .keyed_random import AUGMENTATION, keyed

_SIZES = 'img_shape', 'ori_shape'  # what MMSegmentation makes predictions fit


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Compares a dataset's classes with the model's, its masks with classes and pictures."""

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._sound: set[int] = set()  # ids of the datasets that were checked

    def before_train(self, runner: Runner) -> None:
        """Check the training set, and the sets of the evaluations that follow, if there are any."""
        self._check(runner, runner.train_dataloader.dataset, 'train_dataloader')
        if runner.val_loop is not None:
            self._check(runner, runner.val_dataloader.dataset, 'val_dataloader')
            _check_evaluator(runner.val_evaluator, runner.val_dataloader.dataset, 'val_evaluator')
        if runner.test_loop is not None:
            same = runner.cfg.get('test_dataloader') == runner.cfg.get('val_dataloader')
            if same and runner.val_loop is not None:
                self._sound.add(id(runner.test_dataloader.dataset))
            self.before_test(runner)

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        self._check(runner, runner.test_dataloader.dataset, 'test_dataloader')
        _check_evaluator(runner.test_evaluator, runner.test_dataloader.dataset, 'test_evaluator')

    def _check(self, runner: Runner, dataset: Dataset, loader: str) -> None:
        if id(dataset) in self._sound:
            return
        names = [str(name).strip() for name in class_names_of(bare(runner.model))]
        classes = [str(name).strip() for name in dataset.metainfo['classes']]
        if names and names != classes:
            raise UserError(
                f'{type(dataset).__name__} has classes {classes[:5]}..., the model {names[:5]}...'
            )
        model = bare(runner.model)
        head = getattr(model, 'decode_head', None)
        part, key = (model, '') if hasattr(model, 'ignore_index') else (head, '.decode_head')
        ignored = getattr(part, 'ignore_index', None), getattr(dataset, 'ignore_index', None)
        if None not in ignored and ignored[0] != ignored[1]:
            raise UserError(
                f'model{key}.ignore_index is {ignored[0]}, but that of the '
                f'{type(dataset).__name__} is {ignored[1]}: pixels that do not count have one id; '
                'set ignore_index to the same number in both'
            )
        if is_main_process():
            verify_labels(dataset)
        _check_packed(dataset, loader)
        self._sound.add(id(dataset))


def _check_evaluator(evaluator: Evaluator, dataset: Dataset, key: str) -> None:
    """Raise where a metric counts what does not count, or leaves out a class."""
    for metric in evaluator.metrics:
        own, right = getattr(metric, 'ignore_index', None), getattr(dataset, 'ignore_index', None)
        if None not in (own, right) and own != right:
            raise UserError(
                f'{key}: ignore_index of {type(metric).__name__} is {own}, but that of the '
                f'{type(dataset).__name__} is {right}; set ignore_index to the same number in both'
            )


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
    packed = sample['data_samples']  # several with test-time augmentation
    packed = packed if isinstance(packed, list) else [packed]
    lost = [key for key in _SIZES if any(key not in one.metainfo_keys() for one in packed)]
    if lost and loader != 'train_dataloader':
        raise UserError(
            f'{loader}.dataset.pipeline: PackSegInputs leaves out {" and ".join(lost)}, which a '
            'prediction needs; add to its meta_keys'
        )
