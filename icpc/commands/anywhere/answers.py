"""Who answers for a class list: the outputs of the training by their names, or the text."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import UserError
from ...inference.own_classes import SEPARATOR, first_word
from ...inference.predictor import Predictor
from ...memory.shared_weights import shared_copy
from ...parts import GivesScoreMaps, KnowsItsMemory, TakesOtherClasses


class ByName(nn.Module):
    """A trained model that answers with some of its outputs, in another order.

    A class of several words has the highest of their outputs; what is not named is no answer.

    Args:
        model: Its samples have `seg_logits` (K, H, W), and with text `score_logits`.
        class_names: N names.
        places: Of each class the outputs that count for it, in [0, K).
    """

    def __init__(
        self, model: nn.Module, class_names: Sequence[str], places: Sequence[Sequence[int]]
    ) -> None:
        super().__init__()
        if isinstance(model, KnowsItsMemory):  # MMSegmentation's own models keep theirs anyway
            model = shared_copy(model, test_cfg={**model.test_cfg, 'keep_logits': True})
        self.model, self.class_names = model, tuple(class_names)
        self.places = [list(ids) for ids in places]

    def test_step(self, data: Any) -> list[Any]:
        """Samples with `pred_sem_seg` (1, H, W), with text `pred_score_map`: ids in [0, N)."""
        return [self._chosen(sample) for sample in self.model.test_step(data)]

    def test_step_with_maps(self, data: Any, classes: Sequence[int]) -> list[Any]:
        """The same with `score_maps` (len(classes), H, W), where the model has them."""
        if not isinstance(self.model, GivesScoreMaps):
            return self.test_step(data)
        asked = [place for k in classes for place in self.places[k]]
        samples = self.model.test_step_with_maps(data, asked)
        sizes = [len(self.places[k]) for k in classes]
        for sample in samples:
            if 'score_maps' in sample:
                parts = sample.score_maps.data.split(sizes)
                sample.score_maps.data = torch.stack([part.amax(dim=0) for part in parts])
        return [self._chosen(sample) for sample in samples]

    def _chosen(self, sample: Any) -> Any:
        for logits, prediction in (
            ('seg_logits', 'pred_sem_seg'),
            ('score_logits', 'pred_score_map'),
        ):
            if logits in sample:
                best = self._best(sample.get(logits).data)
                sample.get(prediction).data = best
                delattr(sample, logits)
        return sample

    def _best(self, logits: Tensor) -> Tensor:
        """(1, H, W) ids of (K, H, W)."""
        if len(logits) <= max(max(ids) for ids in self.places):
            raise UserError(
                f'{len(logits)} channels tell the classes of this model apart, so they cannot be '
                'chosen one by one; leave --classes out'
            )
        return torch.stack([logits[ids].amax(dim=0) for ids in self.places]).argmax(0, True)


def answering(
    predictor: Predictor, lines: Sequence[str], head: str | None = None
) -> tuple[nn.Module, str]:
    """The model for a class list, and in a sentence how its classes were found.

    Args:
        predictor: The model as it was loaded.
        lines: As `vocabulary` gives them.
        head: `score_map` asks the text for all classes.

    Raises:
        UserError: Names that the model does not know and that its text cannot answer for.
    """
    names = [first_word(line) for line in lines]
    known = {name.strip().lower(): k for k, name in enumerate(predictor.classes)}
    words = [[word.lower() for word in line.split(SEPARATOR)] for line in lines]
    places = [sorted({known[word] for word in ones if word in known}) for ones in words]
    model = predictor.model
    without_training = isinstance(model, TakesOtherClasses) and not getattr(model, 'trains', True)
    unknown = [name for name, ids in zip(names, places, strict=True) if not ids]
    if head is None and not unknown and not without_training:
        if places == [[k] for k in range(len(predictor.classes))]:
            return model, f'the {len(names)} of the training'
        return ByName(model, names, places), _by_name(predictor, names, places)
    if head is None and unknown and not without_training:
        _check_text(predictor, lines, unknown)
    answer = predictor.model_for(tuple(lines), head)
    if without_training or head is not None:
        return answer, f'all {len(names)} answered by their text'
    trained = len(names) - len(unknown)
    return answer, (
        f'answered by text, {len(unknown)} not of the training: {", ".join(unknown)}; '
        f'{trained} of it'
    )


def _by_name(predictor: Predictor, names: list[str], places: list[list[int]]) -> str:
    """The outputs that were taken, and those that were not."""
    taken = {k for ids in places for k in ids}
    renamed = []
    for name, ids in zip(names, places, strict=True):
        outputs = [predictor.classes[k] for k in ids]
        if outputs != [name]:
            renamed.append(f'{name} is {" or ".join(outputs)}')
    left = [name for k, name in enumerate(predictor.classes) if k not in taken]
    parts = [f'{len(names)} by their names from the {len(predictor.classes)} of the training']
    if renamed:
        parts.append(', '.join(renamed))
    if left:
        parts.append(f'never answered: {", ".join(left)}')
    return '; '.join(parts)


def _check_text(predictor: Predictor, lines: Sequence[str], unknown: list[str]) -> None:
    """Raise with what to do, where the head cannot answer for names that it was not trained on."""
    try:
        predictor.model_for(tuple(lines))
    except UserError as error:
        raise UserError(
            f'the model does not know {", ".join(map(repr, unknown))} ({error}). Give --classes '
            'with the names that it knows (the rest of the data is then ignored), as a synonym '
            "where one has another name, such as 'sofa;couch'"
            + (_SCORE_MAP if _has_score_map(predictor, lines) else '')
        ) from error


_SCORE_MAP = ', or --head score_map, which answers by text'


def _has_score_map(predictor: Predictor, lines: Sequence[str]) -> bool:
    try:
        predictor.model_for(tuple(lines), 'score_map')
    except UserError:
        return False
    return True
