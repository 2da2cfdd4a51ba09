"""CLIP's loss when a caption is true of more than one picture of the batch."""

import torch
from open_clip.loss import ClipLoss
from torch import Tensor, nn
from torch.nn import functional as F


def caption_truth(
    named: Tensor, told: Tensor, tags: Tensor, conditions: Tensor, of: Tensor
) -> Tensor:
    """Which captions are true of which pictures.

    A caption is true of a picture that shows every class it names and has the condition it tells.

    Args:
        named: (T, K) bool, classes that each caption names.
        told: (T,) condition that each caption tells, -1 for none.
        tags: (B, K) bool, classes of each picture.
        conditions: (B,) condition of each picture.
        of: (T,) the picture a caption was written for, of which it is true in any case; -1: none.

    Returns:
        (B, T) bool.
    """
    missing = (~tags).float() @ named.float().T
    same = (conditions[:, None] == told[None, :]) | (told[None, :] < 0)
    own = torch.arange(len(tags))[:, None] == of[None, :]
    return ((missing == 0) & same) | own


def _each_positive_alone(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean over rows of the mean over positives of -log p(positive | positive or negatives)."""
    negatives = logits.masked_fill(truth, -torch.inf).logsumexp(1, keepdim=True)
    terms = F.softplus(negatives - logits).masked_fill(~truth, 0.0)
    positives = truth.sum(1)
    return (terms.sum(1) / positives.clamp(min=1)).sum() / (positives > 0).sum().clamp(min=1)


class MultiPositiveClipLoss(ClipLoss):
    """open_clip's loss with every true caption as a positive.

    For a picture with true captions P and false captions N
    L = mean over p in P of -log(exp(l_p) / (exp(l_p) + sum over n in N of exp(l_n))),
    and the same over the pictures of each caption. Positives do not compete with each other. With
    one true caption for each picture it is ClipLoss exactly.
    """

    def forward(
        self, image_features: Tensor, text_features: Tensor, logit_scale: Tensor, truth: Tensor
    ) -> Tensor:
        """Compute the loss.

        Args:
            image_features: (B, D), normalised.
            text_features: (T, D), normalised.
            logit_scale: factor of the cosines.
            truth: (B, T) bool.

        Returns:
            Scalar; a row or column without a positive does not count.
        """
        per_image, per_text = self.get_logits(image_features, text_features, logit_scale)
        return (
            _each_positive_alone(per_image, truth) + _each_positive_alone(per_text, truth.T)
        ) / 2


class TagLoss(nn.Module):
    """Sigmoid loss of single-class captions against image-level tags, as in SigLIP.

    mean over pairs of BCE(s * cosine + b, tag), with CLIP's own logit scale s and a bias b that is
    learned and thrown away. It makes the cosines of one class comparable between pictures.

    Args:
        bias: at the start; -4 is the logit of a class in few pictures at scale 14.
    """

    def __init__(self, bias: float = -4.0) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(
        self, image_features: Tensor, text_features: Tensor, logit_scale: Tensor, truth: Tensor
    ) -> Tensor:
        """Compute the loss; arguments as for MultiPositiveClipLoss."""
        logits = logit_scale * image_features @ text_features.T + self.bias
        return F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype))
