"""The losses of CLIMS: what CLIP says of a class map's foreground and background."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

CLAMP = (1e-4, 0.9999)  # published; a similarity outside has no gradient
VOC_WEIGHTS = dict(otm=10.0, btm=24.0, cbs=1.0, reg=0.2)  # CLIMS, threshold 0.26
COCO_WEIGHTS = dict(otm=2.0, btm=14.0, cbs=1.25, reg=0.2)  # CLIMS, threshold 0.285
POLE_WEIGHTS = dict(otm=10.0, btm=25.0, cbs=1.0, reg=0.0)  # its area loss is commented out
_VOC = ('tree', 'river', 'sea', 'lake', 'water', 'railway', 'railroad', 'track', 'stone', 'rocks')
# Of backgrounds: CLIMS' ten for VOC, and POLE's twelve for COCO, for which CLIMS has 88 of its own.
PHRASES = {'voc': _VOC, 'coco': (*_VOC, 'playground', 'spray')}


class MaskedViews(NamedTuple):
    """What CLIP's image tower reads.

    Attributes:
        foreground: (M, 3, size, size), the picture times the map of its class.
        background: The same, the picture times one minus the map.
    """

    foreground: Tensor
    background: Tensor


def tagged_pairs(labels: Tensor) -> Tensor:
    """(M, 2) of (picture, class), picture by picture, classes ascending.

    Args:
        labels: (N, K) tags, not zero where the class is in the picture.
    """
    return labels.nonzero()


def masked_views(pictures: Tensor, maps: Tensor, pairs: Tensor, size: int = 224) -> MaskedViews:
    """Pictures under the maps of their classes, and under what the maps leave.

    Both are resized bilinearly with aligned corners to a square, whatever the picture's shape.

    Args:
        pictures: (N, 3, H, W), normalised. Published: with ImageNet's mean and deviation, so that
            a masked pixel is ImageNet's mean. Normalise them as CLIP's own to differ from that.
        maps: (N, K, h, w) in [0, 1].
        pairs: (M, 2) of (picture, class).
        size: The side that the image tower reads.
    """
    square = dict(size=(size, size), mode='bilinear', align_corners=True)
    rows = F.interpolate(pictures, **square)[pairs[:, 0]]
    masks = F.interpolate(maps[pairs[:, 0], pairs[:, 1]][:, None], **square)
    return MaskedViews(masks * rows, (1 - masks) * rows)


def object_text_loss(similarities: Tensor, clamp: tuple[float, float] = CLAMP) -> Tensor:
    """OTM: the foreground is like the text of its class; the mean of -log(similarity).

    Args:
        similarities: (M,) cosines of foregrounds and texts; M may be 0, the loss is 0 then.
        clamp: Least and highest similarity; outside there is no gradient.
    """
    return -_mean(similarities.clamp(*clamp).log())


def background_text_loss(similarities: Tensor, clamp: tuple[float, float] = CLAMP) -> Tensor:
    """BTM: the background is unlike the text of the class; the mean of -log(1 - similarity).

    Args:
        similarities: (M,) cosines of backgrounds and texts; M may be 0, the loss is 0 then.
        clamp: Least and highest similarity; outside there is no gradient.
    """
    return -_mean((1 - similarities.clamp(*clamp)).log())


def background_suppression_loss(
    similarities: Tensor, threshold: float, reduction: str = 'sum'
) -> Tensor:
    """CBS: the foreground is unlike phrases of what often stands around the class.

    Args:
        similarities: (M, B) cosines of foregrounds and phrases.
        threshold: Only what is above it counts; the choice has no gradient.
        reduction: `'sum'` over all that count, published, so that the loss grows with the batch
            and with the phrases; `'pairs'` divides it by M, and does not grow with the batch.

    Raises:
        ValueError: Another reduction.
    """
    if reduction not in ('sum', 'pairs'):
        raise ValueError(f"reduction must be 'sum' or 'pairs', got {reduction!r}")
    counted = similarities > threshold
    # What does not count must not reach the logarithm: 0 times infinity is no number.
    total = -(1 - similarities.where(counted, 0)).log().sum()
    return total / max(len(similarities), 1) if reduction == 'pairs' else total


def area_loss(maps: Tensor, labels: Tensor | None = None) -> Tensor:
    """REG: the mean of the maps (N, K, h, w).

    Args:
        maps: Of all classes.
        labels: (N, K) tags, to count the maps of tagged classes alone. None, published: all,
            those of classes that are not in the picture too.
    """
    return maps.mean() if labels is None else _mean(maps[labels > 0])


def clims_losses(
    foreground: Tensor,
    background: Tensor,
    texts: Tensor,
    phrases: Tensor,
    maps: Tensor,
    *,
    threshold: float,
    plain_foreground: Tensor | None = None,
    clamp: tuple[float, float] = CLAMP,
    reduction: str = 'sum',
    shifted: bool = False,
) -> dict[str, Tensor]:
    """The four losses, unweighted, by name: `otm`, `btm`, `cbs`, `reg`.

    Args:
        foreground, background: (M, D) embeddings of the masked views, of any length.
        texts: (M, D) of each pair's class, adapted where there are adapters.
        phrases: (B, D) of the background's phrases.
        maps: (N, K, h, w) in [0, 1].
        threshold: Of the background's phrases.
        plain_foreground: (M, D) before its adapter, which is what is held against the phrases.
        clamp, reduction: As in the single losses.
        shifted: Every cosine s, the threshold too, becomes (1 + s) / 2, so that a negative one has
            a gradient, too; ours.
    """

    def seen(cosines: Any) -> Any:
        return (1 + cosines) / 2 if shifted else cosines

    plain = foreground if plain_foreground is None else plain_foreground
    against = F.normalize(plain, dim=-1) @ F.normalize(phrases, dim=-1).T
    return dict(
        otm=object_text_loss(seen(F.cosine_similarity(foreground, texts, dim=-1)), clamp),
        btm=background_text_loss(seen(F.cosine_similarity(background, texts, dim=-1)), clamp),
        cbs=background_suppression_loss(seen(against), seen(threshold), reduction),
        reg=area_loss(maps),
    )


def weighted(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum of the losses that have a weight.

    Raises:
        KeyError: A weight of a loss that is not there.
    """
    return torch.stack([weight * losses[name] for name, weight in weights.items()]).sum()


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(values.numel(), 1)
