"""A trained model that is asked for classes by names that it was not trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..alignment import cosine_score_map
from ..errors import UserError, refusing
from ..memory.shared_weights import shared_copy
from ..parts import AddsToScoreMap, BaseNeck
from ..structures import CLIPFeatures
from .class_words import vocabulary_of
from .clip_segmentor import CLIPSegmentor
from .contracts import check_text

_TEMPERATURE = 0.07  # of a score map's softmax where no loss has one: DenseCLIP, CLIP's initial


class OtherClasses(CLIPSegmentor):
    """The model for other names, over its weights; a class has the highest score of its words.

    The score map compares the picture with any text. A decode head that adds to a score map
    (:class:`AddsToScoreMap`) does it for words that it was trained on; to all others it adds
    nothing, as an untrained channel does. Its inputs are made with the text of the training, which
    its channels belong to.

    Made by :meth:`of`, from a model that stays as it is.
    """

    trained: CLIPSegmentor
    owners: list[list[int]]  # of each class the places of its words

    @classmethod
    def of(
        cls, model: CLIPSegmentor, class_names: Sequence[str], head: str | None
    ) -> 'OtherClasses':
        """See :meth:`CLIPSegmentor.with_classes`."""
        if head not in (None, 'score_map'):
            raise UserError(f"head must be None or 'score_map', got {head!r}")
        if model.prompter is None:
            raise UserError(
                'this model has no text (model.prompter=None), so it knows the classes of its '
                'training alone'
            )
        _check_head(model, head)
        flat, owners = vocabulary_of(class_names)
        if flat == list(model.class_names):
            prompter = model.prompter
        else:
            with refusing('classes'), torch.no_grad():
                prompter = model.prompter.with_names(flat)
        twin = shared_copy(model, class_names=tuple(class_names), prompter=prompter)
        twin.__class__ = cls
        places = range(len(flat))
        twin.owners = [[q for q in places if owners[q] == k] for k in range(len(class_names))]
        twin.guided = head is None
        twin.__dict__['trained'] = model  # no part of this one
        known = {name.strip().lower(): k for k, name in enumerate(model.class_names)}
        kept = model.trained_classes
        trained = list(range(len(model.class_names))) if kept is None else kept.tolist()
        places = [known.get(word.lower()) for word in flat]
        twin.places = [place if place in trained else None for place in places]
        with refusing('classes'), torch.no_grad():
            twin.text = prompter.static_text()  # (1, Q, D); None where all depends on the picture
        return twin

    def static_text(self) -> Tensor | None:
        """(1, Q, D) of the words, encoded once."""
        return self.text

    def encode_text(self, features: CLIPFeatures, static: Tensor | None = None) -> Tensor:
        """(B or 1, Q, D) of all words."""
        text = self.prompter(features) if static is None else self.prompter.refine(static, features)
        batch, words = features.pyramid[0].shape[0], len(self.places)
        check_text(self.prompter, text, batch, words, self.backbone.embed_dim)
        return text

    def _maps(self, images: Tensor, static: Tensor | None) -> list[Tensor]:
        """Logits and score map (B, K, ., .)."""
        features = self.encode_images(images)
        text = self.encode_text(features, static)
        scores = self._best_word(cosine_score_map(features.dense, text))
        if not self.guided:
            return [scores / self._temperature(), scores]
        return [self._best_word(self._guided_logits(features, text)), scores]

    def _guided_logits(self, features: CLIPFeatures, text: Tensor) -> Tensor:
        """(B, Q, h, w) of all words."""
        own = self.trained.encode_text(features)
        inputs, _ = self.trained.decoder_inputs(features, own)
        residual = self.decode_head.residual(inputs[:-1])  # (B, K, h, w) of the training's classes
        nothing = torch.zeros_like(residual[:, 0])
        words = [nothing if place is None else residual[:, place] for place in self.places]
        scores = self.neck.score_map(features, text, self.score_level)
        return self.decode_head.guided(torch.stack(words, dim=1), scores)

    def _best_word(self, values: Tensor) -> Tensor:
        """(B, Q, ...) -> (B, K, ...): the highest of each class's words."""
        if len(self.owners) == len(self.places):
            return values
        return torch.stack([values[:, places].amax(dim=1) for places in self.owners], dim=1)

    def _temperature(self) -> float:
        for loss in self.losses.values():
            if 'score_maps' in loss.uses and hasattr(loss, 'temperature'):
                return loss.temperature
        return _TEMPERATURE


def _check_head(model: CLIPSegmentor, head: str | None) -> None:
    """Raise where the head itself is to answer and cannot."""
    guided = isinstance(model.decode_head, AddsToScoreMap) and model.score_level is not None
    if head is None and not (guided and type(model.neck).score_map is not BaseNeck.score_map):
        raise UserError(
            f'classes: {type(model.decode_head).__name__} has a classifier for the '
            f'{len(model.class_names)} classes of its training and cannot answer for other names; '
            "head='score_map' (--head score_map) takes the score map of pixels and text in its "
            'place, which can'
        )
