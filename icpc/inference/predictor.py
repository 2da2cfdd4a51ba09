"""A model that is ready to predict pictures from anywhere."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from PIL import Image
from torch import Tensor, nn

from ..datasets.checks.folder_files import PICTURES, files_below
from ..errors import UserError
from ..memory.budget import check_memory_budget
from ..parts import GivesScoreMaps, KeepsLogits, KnowsItsMemory
from ..picture_sizes import in_groups, predict_in_groups
from .prediction import Failure, Prediction
from .preparation import Preparation, Prepared

# Bytes of the network's activations for each pixel that goes in, our choice: an FPN of 256 channels
# at strides from 4 on with its inputs takes about half of it.
_ACTIVATIONS = 1024
MEMORY_BUDGET = 2048.0  # MiB, our choice: eight pictures of 512 x 512


class Predictor:
    """Predicts with one model; several threads may share it.

    Args:
        model: In evaluation mode, on its device.
        cfg: What `prediction_config` gave.
        classes: K names.
        palette: (K, 3) uint8 RGB.

    Attributes:
        model, cfg, classes, palette: As given.
    """

    def __init__(
        self, model: nn.Module, cfg: Config, classes: Sequence[str], palette: np.ndarray
    ) -> None:
        self.model, self.cfg = model, cfg
        self.classes, self.palette = tuple(classes), palette
        self._prepare = Preparation(cfg.to_dict()['test_pipeline'])
        predict_in_groups(model)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def __repr__(self) -> str:
        """Such as `Predictor(CLIPSegmentor, 18 classes, cpu)`."""
        kind, count = type(self.model).__name__, len(self.classes)
        return f'Predictor({kind}, {count} classes, {self.device})'

    def predict(
        self,
        pictures: Any,
        probabilities: bool = False,
        score_maps: bool = False,
        batch_size: int = 8,
        memory_budget: float | None = MEMORY_BUDGET,
        on_error: str = 'raise',
    ) -> Any:
        """Predict one picture or many.

        Files are read as in training: turned by EXIF, 16 bits scaled to 8, transparency on white.
        Then the config's test pipeline follows, so that the labels are those of `tools/test.py`.

        Args:
            pictures: A path; a PIL picture; an array (H, W, 3) RGB, (H, W) or (H, W, 4); a tensor
                (3, H, W) RGB; a list of these; a folder; or anything that gives them one by one.
            probabilities: Also (K, H, W) probabilities.
            score_maps: Also the cosine of every pixel with each class's text, for models with text.
            batch_size: The most pictures that go through the network at once.
            memory_budget: MiB that the pictures of a batch may take, as far as it can be known
                before; None for no limit. One picture is always predicted.
            on_error: `'raise'`, or `'skip'`: a picture that cannot be read gives a `Failure`.

        Returns:
            A `Prediction`; a list of them for a list; an iterator for a folder and all else, which
            reads no further than a batch ahead.

        Raises:
            UserError: A picture that cannot be read, by its name; options that the model lacks.
        """
        if on_error not in ('raise', 'skip'):
            raise UserError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise UserError(f'batch_size must be a whole number above 0, got {batch_size!r}')
        try:
            check_memory_budget(memory_budget, 'memory_budget')
        except ValueError as error:
            raise UserError(str(error)) from error
        run = partial(
            self._predict,
            step=self._step(score_maps, probabilities),
            budget=float('inf') if memory_budget is None else memory_budget * 2**20,
            batch_size=batch_size,
            skips=on_error == 'skip',
        )
        if isinstance(pictures, (str, Path)) and Path(pictures).is_dir():
            return run(_named(_folder(Path(pictures))))
        if isinstance(pictures, (str, Path, Image.Image, np.ndarray, Tensor)):
            return next(run(_named([pictures], 'the picture')))
        if isinstance(pictures, (list, tuple)):
            return list(run(_named(pictures)))
        if isinstance(pictures, Iterable) and not isinstance(pictures, (bytes, dict)):
            return run(_named(pictures))
        raise UserError(
            f'predict takes a path, a PIL picture, an array, a tensor, or several of them; got '
            f'{type(pictures).__name__}'
        )

    def _step(self, score_maps: bool, probabilities: bool) -> Any:
        """What predicts a batch."""
        model = self.model
        if probabilities and isinstance(model, KeepsLogits):
            model = model.keeping_logits()
        if not score_maps:
            return model.test_step
        if not isinstance(model, GivesScoreMaps) or getattr(model, 'prompter', None) is None:
            raise UserError('score_maps: this model has no text, so no score maps')
        every = range(len(self.classes))
        return partial(in_groups, partial(model.test_step_with_maps, classes=every))

    def _predict(
        self,
        pictures: Iterable[tuple[str, Any]],
        step: Any,
        budget: float,
        batch_size: int,
        skips: bool,
    ) -> Iterator[Prediction | Failure]:
        """Predictions in the order of the pictures, batch by batch."""
        waiting: list[Prepared | Failure] = []
        held = 0.0
        for name, picture in pictures:
            try:
                ready = self._prepare(picture, name)
                needed = self._bytes_of(ready)
            except UserError as error:
                if not skips:
                    raise
                ready, needed = Failure(name, str(error)), 0.0
            if waiting and (held + needed > budget or len(waiting) == batch_size):
                yield from self._batch(waiting, step)
                waiting, held = [], 0.0
            waiting.append(ready)
            held += needed
        yield from self._batch(waiting, step)

    def _bytes_of(self, ready: Prepared) -> float:
        """Of a picture's prediction, as far as it is known before."""
        size, disk = tuple(ready.inputs.shape[1:]), ready.image.shape[:2]
        maps = 0
        if isinstance(self.model, KnowsItsMemory):
            maps = sum(self.model.prediction_memory(size, disk))
        return maps + _ACTIVATIONS * size[0] * size[1]

    def _batch(
        self, waiting: list[Prepared | Failure], step: Any
    ) -> Iterator[Prediction | Failure]:
        ready = [one for one in waiting if isinstance(one, Prepared)]
        samples: Iterator[Any] = iter(())
        if ready:
            data = dict(
                inputs=[one.inputs for one in ready], data_samples=[one.sample for one in ready]
            )
            with torch.no_grad():
                samples = iter(step(data))
        for one in waiting:
            yield one if isinstance(one, Failure) else self._result(one, next(samples))

    def _result(self, ready: Prepared, sample: Any) -> Prediction:
        labels = sample.pred_sem_seg.data.squeeze(0).to('cpu', torch.int32).numpy()
        logits = sample.get('seg_logits')
        maps = sample.get('score_maps')
        return Prediction(
            ready.name,
            ready.image,
            labels,
            self.classes,
            self.palette,
            None if logits is None else _probabilities(logits.data),
            None if maps is None else maps.data.float().cpu().numpy(),
        )


def _probabilities(logits: Tensor) -> np.ndarray:
    """(K, H, W) of logits; one channel alone tells the second of two classes."""
    logits = logits.float()
    if len(logits) == 1:
        second = logits.sigmoid()
        return torch.cat([1 - second, second]).cpu().numpy()
    return logits.softmax(dim=0).cpu().numpy()


def _named(pictures: Iterable[Any], name: str | None = None) -> Iterator[tuple[str, Any]]:
    """Pictures with what an error calls them: their path, or their place from 0."""
    for place, picture in enumerate(pictures):
        path = str(picture) if isinstance(picture, (str, Path)) else None
        yield path or name or f'picture {place}', picture


def _folder(path: Path) -> list[str]:
    """The pictures in a folder, those in folders below it included, by name."""
    found = sorted(f for f in files_below(path) if f.lower().endswith(PICTURES))
    if not found:
        raise UserError(f'{path}: no picture in it ({", ".join(PICTURES)})')
    return [str(path / file) for file in found]
