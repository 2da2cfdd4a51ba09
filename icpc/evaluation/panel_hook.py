"""The hook that draws one panel with score maps after a test."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.utils.data import Dataset

from ..building import without_wrapper
from ..class_lookup import class_indices
from ..console.messages import say
from ..datasets.mask_reading import annotation_loader, read_labels
from ..errors import UserError, in_one_line
from ..parts import GivesScoreMaps
from .around_evaluation import evaluated_weights
from .panel import PanelRow, save_panel
from .pictures import class_names, palette_of, read_picture

_CANDIDATES = 48  # pictures whose masks are read to find those with the most classes
_SMALLEST = 0.02  # share of a picture that a class must cover to be worth a score map


@HOOKS.register_module()
class PanelHook(Hook):
    """After the test, draws image, truth, prediction and score maps into `panel.png`.

    The pictures are those with the most classes among some spread evenly over the test set: chosen
    by their truth, never by how good the prediction is. The weights are those that were tested
    (the average with `ema`), and with test-time augmentation prediction and score maps are the
    averages over all views. The numbers of the test are printed and recorded before: a panel that
    cannot be drawn is said, and changes nothing else.

    Args:
        count: Rows.
        maps: Score maps in each row.
        classes: Whose score maps to show; None shows classes of each picture, large to small.

    Attributes:
        failure: Why the last panel could not be drawn, None where it could.

    Raises:
        UserError: For fewer than one row or no number of maps; before the run, for a class that
            the dataset does not have.
    """

    def __init__(self, count: int = 5, maps: int = 3, classes: Sequence[str] | None = None) -> None:
        if count < 1 or maps < 0:
            raise UserError(
                f'PanelHook: count must be at least 1 and maps at least 0, got {count} and {maps} '
                '(default_hooks.panel=None draws no panel)'
            )
        self.count = count
        self.maps = maps
        self.classes = classes
        self.failure: str | None = None

    def before_train(self, runner: Runner) -> None:
        """Look for the chosen classes before the first step."""
        self._chosen(class_names(runner.train_dataloader.dataset))

    def before_test(self, runner: Runner) -> None:
        """The same for the test split."""
        self._chosen(class_names(runner.test_dataloader.dataset))

    def after_test(self, runner: Runner) -> None:
        """Draw the panel, on rank 0; the others hold its weights together with it meanwhile."""
        with evaluated_weights(runner):
            if is_main_process():
                self.failure = None
                try:
                    self._draw(runner)
                except Exception as error:
                    self.failure = in_one_line(error)
                    say(f'the panel could not be drawn, the numbers stand: {self.failure}')

    @torch.no_grad()
    def _draw(self, runner: Runner) -> None:
        dataset = runner.test_dataloader.dataset
        runner.model.eval()
        rows, views = [], 1
        for index in self._choose(dataset):
            row, views = self._row(runner, index)
            rows.append(row)
        path = Path(runner.work_dir) / 'panel.png'
        title = 'prediction' if views == 1 else f'mean of {views} views'
        save_panel(path, rows, class_names(dataset), palette_of(dataset), title)
        maps = ' with score maps' if any(row.score_maps for row in rows) else ''
        averaged = '' if views == 1 else f', averaged over {views} views'
        say(f'pictures{maps}{averaged}: {path}')

    def _chosen(self, names: list[str]) -> list[int] | None:
        if self.classes is None:
            return None
        return class_indices(self.classes, names, 'PanelHook.classes')

    def _choose(self, dataset: Dataset) -> list[int]:
        """Numbers of the pictures, in the order of the dataset."""
        count = min(_CANDIDATES, len(dataset))
        indices = np.linspace(0, len(dataset) - 1, count).astype(int).tolist()
        load, classes = annotation_loader(dataset), len(class_names(dataset))
        if load is None:  # a pipeline of the user's own: no picture is better than another
            return [indices[place] for place in _spread(count, self.count)]
        richness = [-len(_large(read_labels(dataset, index, load), classes)) for index in indices]
        best = np.argsort(richness, kind='stable')[: self.count]
        return [indices[place] for place in sorted(best)]

    def _row(self, runner: Runner, index: int) -> tuple[PanelRow, int]:
        """One picture, and in how many views it was predicted."""
        loader = runner.test_dataloader
        names = class_names(loader.dataset)
        batch = loader.collate_fn([loader.dataset[index]])
        samples = batch['data_samples']  # with test-time augmentation one list for each view
        views = len(samples) if isinstance(samples[0], (list, tuple)) else 1
        truth = _truth(samples[0] if views == 1 else samples[0][0])
        shown = self._shown(truth, names)
        model = without_wrapper(runner.model)
        if shown and isinstance(model, GivesScoreMaps):
            (sample,) = model.test_step_with_maps(batch, shown)
        else:
            (sample,) = model.test_step(batch)
        prediction = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
        maps = sample.score_maps.data.float().cpu().numpy() if 'score_maps' in sample else ()
        named = dict(zip([names[c] for c in shown], maps, strict=False))
        truth = np.full_like(prediction, -1) if truth is None else truth
        row = PanelRow(read_picture(sample.img_path, loader.dataset), truth, prediction, named)
        return row.thumbnail(), views

    def _shown(self, truth: np.ndarray | None, names: list[str]) -> list[int]:
        """Class ids of the score maps of a picture."""
        chosen = self._chosen(names)
        if chosen is not None:
            return chosen
        if truth is None:
            return []
        # Where no class is large enough, any will do; where no pixel counts, there is none.
        present = _large(truth, len(names)) or _large(truth, len(names), 0.0)
        return [present[place] for place in _spread(len(present), self.maps)]


def _truth(sample: object) -> np.ndarray | None:
    """(H, W) class ids; None in a test set without labels."""
    return sample.gt_sem_seg.data.squeeze(0).numpy() if 'gt_sem_seg' in sample else None


def _large(labels: np.ndarray, classes: int, share: float = _SMALLEST) -> list[int]:
    """Classes that cover enough of a picture, largest first."""
    inside = labels[(labels >= 0) & (labels < classes)]
    ids, areas = np.unique(inside, return_counts=True)
    order = np.argsort(-areas, kind='stable')
    return [int(ids[i]) for i in order if areas[i] >= share * labels.size]


def _spread(length: int, count: int) -> list[int]:
    """`count` places from the first to the last of `length`, evenly spaced, or fewer."""
    places = np.linspace(0, length - 1, count).round().astype(int) if length else ()
    return list(dict.fromkeys(int(place) for place in places))
