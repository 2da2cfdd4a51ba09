"""The hook that writes predictions as masks and overlays."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from ..datasets.checks.label_ids import ids_in_files
from ..errors import UserError, in_one_line
from .pictures import class_names, palette_of, read_picture, save_mask, save_overlay


@HOOKS.register_module()
class SavePredictionsHook(Hook):
    """Writes each test prediction as it comes.

    What cannot be written does not end the test: nothing more is written then, and the numbers are
    printed and recorded before the error is raised.

    Args:
        out: Folder for masks with the ids of the dataset's own files (counted from 1 where the
            dataset has reduce_zero_label, those of all its classes where some are chosen), None
            for none.
        show_dir: Folder for overlays, None for none.
    """

    def __init__(self, out: str | None = None, show_dir: str | None = None) -> None:
        self.out = Path(out) if out else None
        self.show_dir = Path(show_dir) if show_dir else None
        self._written = 0
        self._failure: str | None = None

    def before_test(self, runner: Runner) -> None:
        """A test begins."""
        self._written, self._failure = 0, None

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Write the predictions of one batch."""
        for sample in outputs or ():
            if self._failure is None:
                try:
                    self._write(runner.test_dataloader.dataset, sample)
                    self._written += 1
                except Exception as error:
                    self._failure = in_one_line(error)

    def after_test(self, runner: Runner) -> None:
        """All ranks raise what one of them could not write.

        Raises:
            UserError: With the number of pictures that are there, and the reason.
        """
        ranks = all_gather_object((self._written, self._failure))
        failures = [failure for _, failure in ranks if failure is not None]
        if failures:
            folders = ' and '.join(str(f) for f in (self.out, self.show_dir) if f is not None)
            raise UserError(
                f'{folders}: predictions of {sum(written for written, _ in ranks)} of '
                f'{len(runner.test_dataloader.dataset)} pictures were written, then it failed, '
                f'though the numbers stand: {failures[0]}'
            )

    def _write(self, dataset: Dataset, sample: SegDataSample) -> None:
        labels = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
        inside = Path(sample.img_path).relative_to(dataset.data_prefix['img_path'])
        name = inside.with_suffix('.png')
        if self.out:
            save_mask(self.out / name, ids_in_files(dataset)[labels])
        if self.show_dir:
            image, names = read_picture(sample.img_path, dataset), class_names(dataset)
            save_overlay(self.show_dir / name, image, labels, names, palette_of(dataset))
