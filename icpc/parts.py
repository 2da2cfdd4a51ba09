"""The contracts between a model and its parts, and between a run and its model.

A part of one's own subclasses one of these (a prompter with the text tower:
`icpc.prompts.base.Prompter`) and registers in `mmseg.registry.MODELS`; a decode head may be any of
MMSegmentation's.
"""

from collections.abc import Container, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from .errors import UserError
from .recomputing import Recomputes
from .structures import CLIPFeatures

EVERYTHING = frozenset({'pyramid', 'dense', 'pooled', 'interim', 'text', 'score_maps'})


class BaseBackbone(Recomputes, nn.Module):
    """A backbone is built with CLIP's image tower as ``visual`` and gives ``CLIPFeatures``.

    Attributes:
        channels: C_i of the four pyramid levels.
        strides: their strides in pixels, finest first.
        dense_level: index of the pyramid level with the dense embedding's grid.
        embed_dim: D, of CLIP's joint space.
        size_divisor: pictures are padded to multiples of it before ``forward``.
        frozen_options: the options that freeze the whole tower; None for a backbone whose stages
            nothing can be put between.
        knows_classes: whether it is built with ``num_classes``.
        pooled_only: parameters that nothing but ``CLIPFeatures.pooled`` depends on.
        joint_only: parameters that nothing but ``dense`` and ``pooled`` depend on.
        interim_only: parameters that nothing but ``CLIPFeatures.interim`` depends on.
        shard_units: the parts that run as wholes: FSDP gathers them one after the other.
    """

    channels: Sequence[int]
    strides: Sequence[float]
    dense_level: int
    embed_dim: int
    size_divisor: int = 1
    frozen_options: dict[str, Any] | None = None
    knows_classes: bool = False
    pooled_only: Sequence[nn.Parameter] = ()
    joint_only: Sequence[nn.Parameter] = ()
    interim_only: Sequence[nn.Parameter] = ()
    shard_units: Sequence[nn.Module] = ()

    def level_only(self, level: int) -> Iterable[nn.Parameter]:
        """The parameters that nothing but one level of the pyramid depends on."""
        return ()

    def forward(self, images: Tensor) -> CLIPFeatures:
        """Features of pictures (B, 3, H, W), normalised as the tower's."""
        raise NotImplementedError


class BasePrompter(nn.Module):
    """One module ``prompter(features) -> text`` of shape (B, K, D).

    ``prompter(features)`` equals ``prompter.refine(prompter.static_text(), features)`` wherever
    there is a static text; slide inference encodes that once per call, not once per window.

    Attributes:
        depends_on_image: False where the text is the same for every picture.
        uses_text: whether the model needs CLIP's text tower for it; it is built with
            ``text_encoder`` and ``class_names``, otherwise with ``class_names`` and ``embed_dim``.
    """

    depends_on_image = True
    uses_text = True

    @property
    def text_tower(self) -> nn.Module | None:
        """CLIP's text tower; None for a prompter without it."""
        return None

    @property
    def uses_pooled(self) -> bool:
        """Whether the text depends on the picture's pooled embedding."""
        return self.depends_on_image

    def static_text(self) -> Tensor | None:
        """(1, K, D), what does not depend on the picture; None where all of the text does."""
        return None if self.depends_on_image else self(None)

    def refine(self, text: Tensor, features: CLIPFeatures) -> Tensor:
        """From the static text (1, K, D) to the text (B or 1, K, D) of these pictures."""
        return text

    def with_names(self, class_names: Sequence[str]) -> 'BasePrompter':
        """The same prompter over the same weights for other names; this one stays as it is.

        Raises:
            UserError: what it learned belongs to the classes of the training.
        """
        raise UserError(
            f'{type(self).__name__} knows the classes of its training alone: it has no with_names'
        )

    def forward(self, features: CLIPFeatures | None) -> Tensor:
        """(B, K, D), not normalised; (1, K, D) if the text does not depend on the image."""
        raise NotImplementedError


class BaseNeck(nn.Module):
    """A neck is built with the sizes of the backbone and aligns pyramid levels with the text.

    Attributes:
        out_channels: channels of each level that it gives.
        levels: indices of the levels with a score map, finest first.
        dense_level: index of the level with CLIP's dense embedding.
    """

    out_channels: int
    levels: Sequence[int]
    dense_level: int

    def unused(self, outputs: Container[int], maps: Container[int]) -> list[nn.Module] | None:
        """The parts that nothing depends on; None where that is not known.

        Args:
            outputs: the levels of the pyramid that the head takes, at least one.
            maps: the levels whose score maps count somewhere.
        """
        return None

    def score_map(self, features: CLIPFeatures, text: Tensor, level: int) -> Tensor:
        """(B, N, h_i, w_i), the cosines of one of ``levels`` with any text (B or 1, N, D)."""
        raise NotImplementedError

    def forward(
        self, features: CLIPFeatures, text: Tensor | None
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Four maps (B, out_channels, h_i, w_i), and a score map (B, K, h_i, w_i) of each of
        ``levels``; ``text`` is (B or 1, K, D), None for a model without text.
        """
        raise NotImplementedError


class AlignmentLoss(nn.Module):
    """A loss of ``model.losses``, on features, text and score maps.

    Attributes:
        needs_text: whether a model without text leaves it out.
        uses: what of :data:`EVERYTHING` it takes; what nothing takes is not trained, and frozen.
    """

    needs_text: bool = True
    uses: frozenset[str] = EVERYTHING

    def forward(
        self,
        features: CLIPFeatures,
        text: Tensor | None,
        score_maps: list[Tensor],
        labels: Tensor,
    ) -> Tensor:
        """A scalar, the mean over its units in this batch.

        Args:
            features: of the backbone.
            text: (B or 1, K, D), not normalised; None for a model without text.
            score_maps: (B, K, h_i, w_i) cosines of the neck's aligned levels, finest first.
            labels: (B, H, W) class ids.
        """
        raise NotImplementedError

    def units(self, labels: Tensor, num_classes: int) -> Tensor | None:
        """How many units labels (B, H, W) hold, a scalar; None where they are labelled pixels."""
        return None


class TakesScoreMap:
    """A decode head that gets a score map (B, K, h, w) behind the pyramid's maps.

    Attributes:
        score_level: the level whose map it takes; None for that of CLIP's dense embedding.
    """

    score_level: int | None = None


class TakesClassPrior:
    """A module that is told how frequent the classes are in the training set.

    Attributes:
        prior: (K,), a buffer; all zero until it is told.
    """

    prior: Tensor

    def set_prior(self, counts: Tensor) -> None:
        """Take the pixels (K,) of each class in the training set."""
        raise NotImplementedError


@runtime_checkable
class KnowsItsClasses(Protocol):
    """A model that can be held against the classes of a dataset or of a checkpoint."""

    class_names: Sequence[str]


@runtime_checkable
class ReadsPublishedWeights(Protocol):
    """A model that begins with a checkpoint of its method's published code."""

    def of_published(self, state: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """The weights by the model's names; None where the names are not the published ones."""
        ...


@runtime_checkable
class HoldsClassTensors(Protocol):
    """A module with tensors that have an entry for each class, so that other classes move them."""

    def class_tensors(self) -> dict[str, tuple[int, int]]:
        """Name in its state dict -> the dimension of the K classes, and where they begin in it."""
        ...


@runtime_checkable
class HoldsOutClasses(Protocol):
    """A model that trains on some of its classes."""

    trained_classes: Tensor | None  # (K',) ids of those that give a signal; None where all do


def class_names_of(model: nn.Module) -> Sequence[str]:
    """The names of a model's classes in the order of its channels; empty where it knows none."""
    return model.class_names if isinstance(model, KnowsItsClasses) else ()


@runtime_checkable
class CountsLossUnits(Protocol):
    """A model that says what each of its losses is a mean over."""

    def loss_units(self, data_samples: Sequence[Any]) -> dict[str, Tensor | float]:
        """Term -> units of these samples; the empty name stands for all other terms."""
        ...


@runtime_checkable
class CountsUnits(Protocol):
    """A loss of a decode head that is a mean over something else than labelled pixels."""

    def units(self, labels: Tensor, num_classes: int) -> Tensor | float:
        """How many units labels (B, H, W) hold."""
        ...


@runtime_checkable
class HasTrainingParts(Protocol):
    """A model some parts of which serve its training alone: weights fit with and without them."""

    training_parts: Sequence[str]  # first words of names in the state dict


@runtime_checkable
class KnowsItsMemory(Protocol):
    """A model that tells what a prediction takes before it is made."""

    def prediction_memory(self, size: Sequence[int], disk: Sequence[int]) -> tuple[int, int]:
        """Bytes held and bytes elsewhere, for (H, W) in the network and (H0, W0) on disk."""
        ...


@runtime_checkable
class GivesLogits(Protocol):
    """A model whose prediction is the best class of bilinearly resized logits.

    Where there is also a method ``of_resized``, it makes the classes' logits of what was resized.
    """

    def logits(self, images: Tensor) -> Tensor:
        """(B, K, h, w) of normalised pictures (B, 3, H, W), padded as its backbone divides."""
        ...


@runtime_checkable
class GivesScoreMaps(Protocol):
    """A model whose test step can also give the score maps of a few classes."""

    def test_step_with_maps(self, data: dict, classes: Sequence[int]) -> list[Any]:
        """The predictions, with text each with ``score_maps`` (len(classes), H0, W0)."""
        ...


@runtime_checkable
class TakesOtherClasses(Protocol):
    """A model that predicts classes by their names, also those that it was not trained on."""

    def with_classes(self, class_names: Sequence[str]) -> nn.Module:
        """The same model over the same weights for K names; ``;`` stands between synonyms."""
        ...


@runtime_checkable
class AddsToScoreMap(Protocol):
    """A decode head whose logits are a score map's, and what the head adds to each class."""

    def residual(self, pyramid: Sequence[Tensor]) -> Tensor:
        """(B, K, h, w), what the head adds for the classes that it was trained on."""
        ...

    def guided(self, residual: Tensor, scores: Tensor) -> Tensor:
        """Logits (B, N, h, w) of N classes from (B, N, h, w) and a score map (B, N, h_j, w_j)."""
        ...
