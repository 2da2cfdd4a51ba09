"""ICPC's align-guided contrastive loss (arXiv 2308.07078), our reading."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..alignment import class_area
from ..parts import AlignmentLoss
from ..structures import CLIPFeatures
from .gathering import gather_rows
from .regions import Regions, find_regions, taking_part

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
    Every image has a row for each class, and those of absent classes count nothing: the device is
    never asked how many pairs there are. With ``'batch'`` (B K)^2 numbers are held, and as many
    times more as there are ranks with ``gather``.

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
    found = find_regions(dense, text, labels)
    to_regions = _text_to_regions(found, temperature, guidance, num_hard, negatives, gather)
    to_texts = _region_to_texts(found, temperature, guidance, num_hard)
    losses = (to_regions + to_texts).masked_fill(~found.taking_part, 0)
    return losses.sum() / found.taking_part.sum().clamp(min=1) / 2


def _text_to_regions(
    found: Regions,
    temperature: float,
    guidance: str,
    num_hard: int,
    negatives: str,
    gather: bool,
) -> Tensor:
    """(B, K) losses of each text against regions."""
    batch, classes = found.taking_part.shape
    own = torch.arange(classes, device=found.region.device).expand(batch, -1)  # (B, K)
    if negatives == 'image':
        scores = found.text @ found.region.transpose(1, 2) / temperature  # (B, K, K)
        others = found.taking_part[:, None] & (own[:, :, None] != own[:, None])
    else:
        rows, part = found.region.flatten(0, 1), found.taking_part.flatten()
        first = 0
        if gather:
            rows, part, first = gather_rows(rows, part)
        scores = found.text @ rows.T / temperature  # (B, K, all)
        column = torch.arange(len(rows), device=rows.device)
        others = part & (own[:, :, None] != column % classes)
        own = own + first + classes * torch.arange(batch, device=rows.device)[:, None]
    positive = scores.gather(2, own[:, :, None])
    if guidance == 'weight':  # what the alignment of the text's image makes of each region
        scores = scores + _log_weights(scores.detach().log_softmax(dim=1), others)
    candidates = [positive, scores.masked_fill(~others, float('-inf'))]
    if guidance == 'hard':
        at_positions = (found.text @ found.pixels / temperature).masked_fill(
            ~found.wrong, float('-inf')
        )
        candidates.append(at_positions.topk(min(num_hard, at_positions.shape[2]), dim=2).values)
    return torch.cat(candidates, dim=2).logsumexp(dim=2) - positive.squeeze(2)


def _region_to_texts(found: Regions, temperature: float, guidance: str, num_hard: int) -> Tensor:
    """(B, K) losses of each region against the texts of its image."""
    scores = found.region @ found.text.transpose(1, 2) / temperature  # (B, K, K)
    own = torch.eye(scores.shape[1], dtype=torch.bool, device=scores.device)
    positive = scores.diagonal(dim1=1, dim2=2)
    if guidance == 'weight':
        scores = scores + _log_weights(scores.detach().log_softmax(dim=2), ~own)
    wrong = scores.masked_fill(own, float('-inf'))
    if guidance == 'hard':
        wrong = wrong.topk(min(num_hard, wrong.shape[2] - 1), dim=2).values
    return torch.cat([positive[:, :, None], wrong], dim=2).logsumexp(dim=2) - positive


def _log_weights(log_probability: Tensor, negatives: Tensor) -> Tensor:
    """Log of each negative's probability over the row's mean; zero elsewhere. Detached."""
    masked = log_probability.masked_fill(~negatives, float('-inf'))
    count = negatives.sum(dim=-1, keepdim=True).clamp(min=1)
    mean = masked.logsumexp(dim=-1, keepdim=True) - count.log()
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
