"""ICPC's align-guided contrastive loss (arXiv 2308.07078), our reading."""

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from ..alignment import class_area
from ..parts import AlignmentLoss
from ..structures import CLIPFeatures
from .gathering import gather_rows
from .region_pairs import RegionPairs, region_pairs, taking_part

_GUIDANCE = ('none', 'weight', 'hard')
_NEGATIVES = ('image', 'batch')


def align_contrastive_loss(
    dense: Tensor,
    text: Tensor,
    labels: Tensor,
    temperature: float = 0.07,
    guidance: str = 'hard',
    num_hard: int = 16,
    negatives: str = 'image',
    gather: bool = False,
) -> Tensor:
    """Contrasts the text of every class in the ground truth with regions, and regions with texts.

    For each image b and class k present in its labels, with r the normalised mean embedding of the
    class's region, t the normalised text and s = cosine / temperature, the mean over pairs of

        ( -log e^s(t_k, r_k) / (e^s(t_k, r_k) + sum_n w_n e^s(t_k, n))
          -log e^s(r_k, t_k) / (e^s(r_k, t_k) + sum_m w_m e^s(r_k, t_m)) ) / 2

    where n are embeddings of other classes and t_m texts of other classes. ``guidance`` takes the
    negatives from where the present alignment is wrong:

    - ``'none'``: n all other regions, t_m all other classes, w = 1;
    - ``'weight'``: the same, w the probability that the alignment (softmax of s over all classes)
      gives to the wrong match, divided by its mean over the negatives;
    - ``'hard'``: n the other regions and the ``num_hard`` positions of the image with another label
      that score highest for k; t_m the ``num_hard`` wrong classes that score highest for r.

    An image with fewer than two classes contributes nothing. Permuting classes changes nothing.
    The pairs are found once (``nonzero``); nothing else depends on what the labels hold.

    Args:
        dense: (B, D, h, w) embeddings.
        text: (B or 1, K, D) embeddings.
        labels: (B, H, W) class ids; ids outside [0, K) are ignored.
        temperature: 0.07 (CLIP's initial value).
        guidance: ``'none'``, ``'weight'`` or ``'hard'``.
        num_hard: positions, and classes, taken by ``'hard'`` (our choice).
        negatives: regions of the same ``'image'``, or of the whole ``'batch'``.
        gather: with ``'batch'``, the batches of all ranks.

    Returns:
        A scalar; zero with zero gradient where no image has two classes.
    """
    pairs = region_pairs(dense, text, labels)
    regions, images, classes = pairs.region, pairs.image, pairs.label
    rank = 0
    if gather:
        (regions, images, classes), rank = gather_rows(regions, images, classes)
    own = torch.arange(pairs.label.shape[0], device=dense.device) + rank
    others = classes != pairs.label[:, None]
    if negatives == 'image':
        others &= images == pairs.image[:, None]
    to_regions = _text_to_regions(pairs, regions, own, others, temperature, guidance, num_hard)
    to_texts = _region_to_texts(pairs, temperature, guidance, num_hard)
    count = (own >= 0).sum().clamp(min=1)  # R, without asking the device for it
    return (to_regions + to_texts).sum() / count / 2


def _text_to_regions(
    pairs: RegionPairs,
    regions: Tensor,
    own: Tensor,
    others: Tensor,
    temperature: float,
    guidance: str,
    num_hard: int,
) -> Tensor:
    """(R,) losses of each text against regions (all, D); own: each pair's row there."""
    scores = pairs.anchor @ regions.T / temperature  # (R, all)
    positive = scores.gather(1, own[:, None])
    if guidance == 'weight':
        # (R, all): what the alignment of the anchor's image makes of each region.
        belief = torch.einsum('rkd,ad->rak', pairs.text, regions).detach() / temperature
        index = pairs.label[:, None, None].expand(-1, regions.shape[0], 1)
        belief = belief.log_softmax(dim=2).gather(2, index).squeeze(2)
        scores = scores + _log_weights(belief, others)
    candidates = [positive, scores.masked_fill(~others, float('-inf'))]
    if guidance == 'hard':
        at_positions = torch.einsum('rd,rdp->rp', pairs.anchor, pairs.pixels) / temperature
        wrong = (pairs.area == 0) & (pairs.labelled > 0)
        at_positions = at_positions.masked_fill(~wrong, float('-inf'))
        candidates.append(at_positions.topk(min(num_hard, wrong.shape[1]), dim=1).values)
    return torch.cat(candidates, dim=1).logsumexp(dim=1) - positive.squeeze(1)


def _region_to_texts(
    pairs: RegionPairs, temperature: float, guidance: str, num_hard: int
) -> Tensor:
    """(R,) losses of each region against the texts of its image."""
    scores = torch.einsum('rkd,rd->rk', pairs.text, pairs.region) / temperature
    own = F.one_hot(pairs.label, scores.shape[1]).bool()
    positive = scores.gather(1, pairs.label[:, None]).squeeze(1)
    if guidance == 'weight':
        scores = scores + _log_weights(scores.detach().log_softmax(dim=1), ~own)
    wrong = scores.masked_fill(own, float('-inf'))
    if guidance == 'hard':
        wrong = wrong.topk(min(num_hard, wrong.shape[1] - 1), dim=1).values
    return torch.cat([positive[:, None], wrong], dim=1).logsumexp(dim=1) - positive


def _log_weights(log_probability: Tensor, negatives: Tensor) -> Tensor:
    """Log of each negative's probability over the row's mean; zero elsewhere. Detached."""
    masked = log_probability.masked_fill(~negatives, float('-inf'))
    count = negatives.sum(dim=1, keepdim=True).clamp(min=1)
    mean = masked.logsumexp(dim=1, keepdim=True) - count.log()
    return torch.where(negatives, log_probability - mean, torch.zeros_like(mean)).detach()


@MODELS.register_module()
class AlignContrastiveLoss(AlignmentLoss):
    """:func:`align_contrastive_loss` on CLIP's dense embedding, weighted.

    Args:
        weight: factor of the loss (our choice; the paper's is not public).
        temperature, guidance, num_hard, negatives, gather: as there.

    Raises:
        ValueError: unknown guidance or negatives, or ``gather`` without ``negatives='batch'``.
    """

    uses = frozenset({'dense', 'text'})

    def __init__(
        self,
        weight: float = 0.1,
        temperature: float = 0.07,
        guidance: str = 'hard',
        num_hard: int = 16,
        negatives: str = 'image',
        gather: bool = False,
    ) -> None:
        super().__init__()
        if guidance not in _GUIDANCE:
            raise ValueError(
                f'AlignContrastiveLoss.guidance must be one of {_GUIDANCE}: {guidance!r}'
            )
        if negatives not in _NEGATIVES:
            raise ValueError(
                f'AlignContrastiveLoss.negatives must be one of {_NEGATIVES}: {negatives!r}'
            )
        if gather and negatives != 'batch':
            raise ValueError("AlignContrastiveLoss.gather=True needs negatives='batch'")
        if num_hard < 1:
            raise ValueError(f'AlignContrastiveLoss.num_hard must be at least 1, got {num_hard}')
        self.weight = weight
        self.options = dict(temperature=temperature, guidance=guidance, num_hard=num_hard)
        self.options |= dict(negatives=negatives, gather=gather)

    def forward(
        self, features: CLIPFeatures, text: Tensor, score_maps: list[Tensor], labels: Tensor
    ) -> Tensor:
        """A scalar."""
        with torch.autocast(labels.device.type, enabled=False):  # cosines / 0.07 want float32
            loss = align_contrastive_loss(
                features.dense.float(), text.float(), labels, **self.options
            )
        return self.weight * loss

    def units(self, labels: Tensor, num_classes: int) -> Tensor:
        """The number of pairs that the loss is the mean over; a scalar.

        Args:
            labels: (B, H, W) class ids; ids outside [0, K) are ignored.
            num_classes: K.
        """
        return taking_part(class_area(labels, num_classes, (1, 1)).squeeze(2) > 0).sum()
