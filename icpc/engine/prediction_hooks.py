"""Hooks that write predictions as masks, overlays, and one panel with score maps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from PIL import Image
from torch.utils.data import Dataset

from ..datasets.label_ids import ids_in_files
from ..errors import UserError, did_you_mean
from ..evaluation.panel import PanelRow, save_panel
from ..evaluation.pictures import save_mask, save_overlay
from .console import say

_CANDIDATES = 48  # pictures looked at to find those with the most classes
_SMALLEST = 0.02  # share of a picture that a class must cover to be worth a score map


def _image(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert('RGB'))


def _names(dataset: Dataset) -> list[str]:
    return [str(name).strip() for name in dataset.metainfo['classes']]


@HOOKS.register_module()
class SavePredictionsHook(Hook):
    """Writes each test prediction as it comes.

    Args:
        out: Folder for masks with the ids of the dataset's own files (counted from 1 where the
            dataset has reduce_zero_label, those of all its classes where some are chosen), None
            for none.
        show_dir: Folder for overlays, None for none.
    """

    def __init__(self, out: str | None = None, show_dir: str | None = None) -> None:
        self.out = Path(out) if out else None
        self.show_dir = Path(show_dir) if show_dir else None

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Write the predictions of one batch."""
        dataset = runner.test_dataloader.dataset
        for sample in outputs or ():
            labels = sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
            inside = Path(sample.img_path).relative_to(dataset.data_prefix['img_path'])
            name = inside.with_suffix('.png')
            if self.out:
                save_mask(self.out / name, ids_in_files(dataset)[labels])
            if self.show_dir:
                palette = np.asarray(dataset.metainfo['palette'])
                image = _image(sample.img_path)
                save_overlay(self.show_dir / name, image, labels, _names(dataset), palette)


@HOOKS.register_module()
class PanelHook(Hook):
    """After the test, draws image, truth, prediction and score maps into `panel.png`.

    The pictures are those with the most classes among some spread evenly over the test set: chosen
    by their truth, never by how good the prediction is.

    Args:
        count: Rows.
        maps: Score maps in each row.
        classes: Whose score maps to show; None shows classes of each picture, large to small.
    """

    def __init__(self, count: int = 5, maps: int = 3, classes: Sequence[str] | None = None) -> None:
        self.count = count
        self.maps = maps
        self.classes = list(classes) if classes else None

    def after_test(self, runner: Runner) -> None:
        """Draw the panel, on rank 0."""
        if not is_main_process():
            return
        dataset = runner.test_dataloader.dataset
        names = _names(dataset)
        for name in self.classes or ():
            if name not in names:
                hint = did_you_mean(name, names)
                raise UserError(f'PanelHook.classes: the dataset has no class {name!r}{hint}')
        samples = self._choose(dataset)
        rows = [self._row(runner, sample, names) for sample in samples]
        path = Path(runner.work_dir) / 'panel.png'
        save_panel(path, rows, names, np.asarray(dataset.metainfo['palette']))
        say(f'pictures with score maps: {path}')

    def _choose(self, dataset: Dataset) -> list[dict]:
        count = min(_CANDIDATES, len(dataset))
        indices = np.linspace(0, len(dataset) - 1, count).astype(int)
        samples = [dataset[int(index)] for index in indices]
        classes = len(_names(dataset))
        richness = [-len(_covering(_truth(sample), classes)) for sample in samples]
        best = np.argsort(richness, kind='stable')[: self.count]
        return [samples[index] for index in sorted(best)]

    def _row(self, runner: Runner, sample: dict, names: list[str]) -> PanelRow:
        truth = _truth(sample)
        output = _predict_with_logits(runner, sample)
        maps: dict[str, np.ndarray] = {}
        if 'score_logits' in output:
            scores = output.score_logits.data.cpu().numpy()  # (K, H, W), cosines
            largest_first = _covering(truth, len(names))
            shown = self.classes or [names[c] for c in _spread(largest_first, self.maps)]
            maps = {name: scores[names.index(name)] for name in shown}
        prediction = output.pred_sem_seg.data.squeeze(0).cpu().numpy()
        return PanelRow(_image(output.img_path), truth, prediction, maps)


def _truth(sample: dict) -> np.ndarray:
    return sample['data_samples'].gt_sem_seg.data.squeeze(0).numpy()


def _covering(labels: np.ndarray, classes: int) -> list[int]:
    """Classes that cover enough of a picture, largest first."""
    ids, areas = np.unique(labels[labels < classes], return_counts=True)
    order = np.argsort(-areas, kind='stable')
    return [int(ids[i]) for i in order if areas[i] >= _SMALLEST * labels.size]


def _spread(items: list[int], count: int) -> list[int]:
    """`count` items from the first to the last, evenly spaced."""
    places = np.linspace(0, len(items) - 1, count).round().astype(int)
    return list(dict.fromkeys(items[place] for place in places))


@torch.no_grad()
def _predict_with_logits(runner: Runner, sample: dict) -> SegDataSample:
    model = runner.bare_model
    former = model.test_cfg
    model.test_cfg = copy.copy(former)
    model.test_cfg['keep_logits'] = True
    try:
        (output,) = model.eval().test_step(pseudo_collate([sample]))
    finally:
        model.test_cfg = former
    return output
