"""A model that is ready to predict pictures from anywhere."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from PIL import Image
from torch import Tensor, nn

from ..datasets.checks.folder_files import PICTURES, files_below
from ..errors import UserError
from ..memory.budget import check_memory_budget
from ..memory.shared_weights import shared_copy
from ..parts import GivesScoreMaps, KnowsItsMemory, TakesOtherClasses
from ..picture_sizes import in_groups, predict_in_groups
from .own_classes import first_word, vocabulary
from .palettes import palette_for
from .picture_batches import Answer, predicted
from .predicted import place_of
from .prepared import Preparation

_KEPT = 8  # vocabularies whose text is kept, our choice
MEMORY_BUDGET = 2048.0  # MiB, our choice: eight pictures of 512 x 512


class Predictor:
    """Predicts with one model; several threads may share it.

    The four arguments are attributes, too.

    Args:
        model: In evaluation mode, on its device.
        cfg: What `prediction_config` gave.
        classes: K names.
        palette: (K, 3) uint8 RGB.
    """

    def __init__(
        self, model: nn.Module, cfg: Config, classes: Sequence[str], palette: np.ndarray
    ) -> None:
        self.model, self.cfg = model, cfg
        self.classes, self.palette = tuple(classes), palette
        self._prepare = Preparation(cfg.to_dict()['test_pipeline'])
        predict_in_groups(model)
        self._models: dict[tuple[tuple[str, ...], str | None], nn.Module] = {}
        self._lock = Lock()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def has_score_maps(self) -> bool:
        """Whether the model has text to compare pixels with."""
        has_text = getattr(self.model, 'prompter', None) is not None
        return has_text and isinstance(self.model, GivesScoreMaps)

    def __repr__(self) -> str:
        """Such as `Predictor(CLIPSegmentor, 18 classes, cpu)`."""
        kind, count = type(self.model).__name__, len(self.classes)
        return f'Predictor({kind}, {count} classes, {self.device})'

    def predict(
        self,
        pictures: Any,
        classes: str | Sequence[str] | None = None,
        head: str | None = None,
        probabilities: bool = False,
        score_maps: bool | str | Sequence[str] = False,
        batch_size: int = 8,
        memory_budget: float | None = MEMORY_BUDGET,
        on_error: str = 'raise',
    ) -> Any:
        """Predict one picture or many.

        Files are read as in training: turned by EXIF, 16 bits scaled to 8, transparency on white.
        Then the config's test pipeline follows, so that the labels are those of `tools/test.py`.

        Args:
            pictures: A path; a PIL picture; an array (H, W, 3) RGB, (H, W) or (H, W, 4); a tensor
                (3, H, W) RGB; a list of these; a folder; or anything that gives them one by one. In
                a list or generator a pair (name, picture) says what results call it.
            classes: Other names than those of the training, such as `['dog;puppy', 'cat']`, with
                synonyms behind a `;`, of which the best counts; the first names the class. What
                answers is the text: a head with a classifier of its own cannot, and says so.
            head: `'score_map'` takes the score map of pixels and text in the head's place.
            probabilities: Also (K, H, W) probabilities.
            score_maps: Also the cosine of every pixel with each class's text, for models with text;
                one name of a class or several, such as `['sky', 'sea']`, for these alone.
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
            predicted,
            prepare=self._prepare,
            answer=self._answer(classes, head, score_maps, probabilities),
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

    def answering(
        self, classes: str | Sequence[str] | None = None, head: str | None = None
    ) -> tuple[nn.Module, tuple[str, ...], np.ndarray]:
        """Who answers: a model over the same weights, its K names, and (K, 3) colours.

        Args:
            classes, head: As for `predict`.

        Raises:
            UserError: The model cannot answer for these.
        """
        if classes is None and head is None:
            return self.model, self.classes, self.palette
        own = getattr(self.model, 'class_names', self.classes)
        words = vocabulary(own if classes is None else classes)
        palette = palette_for(words, self.classes, self.palette)
        return self.model_for(words, head), tuple(map(first_word, words)), palette

    def _answer(
        self,
        classes: str | Sequence[str] | None,
        head: str | None,
        maps: bool | str | Sequence[str],
        keeps_logits: bool,
    ) -> Answer:
        """Who answers; the predictor's own model stays as it is, whatever others ask it."""
        model, names, palette = self.answering(classes, head)
        if keeps_logits and isinstance(model, KnowsItsMemory):
            model = shared_copy(model, test_cfg={**model.test_cfg, 'keep_logits': True})
        if not maps:
            return Answer(model, model.test_step, names, palette, keeps_logits)
        if not self.has_score_maps:
            raise UserError('score_maps: this model has no text, so it has no score maps')
        mapped = (maps,) if isinstance(maps, str) else names if maps is True else tuple(maps)
        step = partial(
            model.test_step_with_maps, classes=[place_of(name, names) for name in mapped]
        )
        return Answer(model, partial(in_groups, step), names, palette, keeps_logits, mapped)

    def model_for(self, words: tuple[str, ...], head: str | None = None) -> nn.Module:
        """The model for other classes; the last ones are kept with their text.

        Args:
            words: As `vocabulary` gives them.
            head: As for :meth:`predict`.

        Raises:
            UserError: The model knows the classes of its training alone.
        """
        with self._lock:
            found = self._models.pop((words, head), None)
            if found is None:
                if not isinstance(self.model, TakesOtherClasses):
                    raise UserError(
                        f'classes: {type(self.model).__name__} knows the classes of its training '
                        'alone; a CLIPSegmentor with text takes others'
                    )
                takes_head = 'head' in signature(self.model.with_classes).parameters
                found = self.model.with_classes(words, **({'head': head} if takes_head else {}))
            self._models[words, head] = found
            if len(self._models) > _KEPT:
                del self._models[next(iter(self._models))]
        return found


def _named(pictures: Iterable[Any], name: str | None = None) -> Iterator[tuple[str, Any]]:
    """Pictures with what an error calls them: the name given, their path, or their place from 0."""
    for place, picture in enumerate(pictures):
        if isinstance(picture, tuple) and len(picture) == 2 and isinstance(picture[0], str):
            yield picture
            continue
        path = str(picture) if isinstance(picture, (str, Path)) else None
        yield path or name or f'picture {place}', picture


def _folder(path: Path) -> list[str]:
    """The pictures in a folder, those in folders below it included, by name."""
    found = sorted(f for f in files_below(path) if f.lower().endswith(PICTURES))
    if not found:
        raise UserError(f'{path}: no picture in it ({", ".join(PICTURES)})')
    return [str(path / file) for file in found]
