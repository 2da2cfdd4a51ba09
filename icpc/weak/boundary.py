"""The loss of IRN's boundary network: edges and displacements from seeds."""

import torch
from torch import Tensor

from .walk import paths, training_pairs

UNKNOWN = 255
_TINY = 1e-5


def pair_affinity(edge: Tensor, radius: int) -> Tensor:
    """One minus the strongest edge between each first cell and its neighbours, (N, neighbours, S).

    Args:
        edge: (N, 1, h, w) in [0, 1].
        radius: Of the neighbourhood.
    """
    size = (edge.shape[2], edge.shape[3])
    first, _ = training_pairs(size, radius)
    flat = edge.flatten(1)
    found = []
    for path in paths(radius):
        cells = [flat[:, first.to(edge.device) + y * size[1] + x] for y, x in path]
        found.append(1 - torch.stack(cells).amax(0))
    return torch.stack(found, 1)


def pair_kinds(
    labels: Tensor, radius: int, unknown: int = UNKNOWN
) -> tuple[Tensor, Tensor, Tensor]:
    """Which pairs are background alike, foreground alike, or of two classes, (N, neighbours, S).

    Args:
        labels: (N, h, w), 0 background; pairs with an unknown cell are of no kind.
        radius: Of the neighbourhood.
        unknown: The label of cells that are not known.
    """
    first, second = training_pairs((labels.shape[1], labels.shape[2]), radius)
    flat = labels.flatten(1).long()
    a, b = flat[:, None, first], flat[:, second]
    known = (a != unknown) & (b != unknown)
    alike = known & (a == b)
    return alike & (a == 0), alike & (a > 0), known & (a != b)


def boundary_losses(
    edge_logits: Tensor,
    displacement: Tensor,
    labels: Tensor,
    radius: int = 10,
    unknown: int = UNKNOWN,
) -> dict[str, Tensor]:
    """The published losses by name; `total_loss` is the one to minimise.

    Args:
        edge_logits: (N, 1, h, w), before the sigmoid.
        displacement: (N, 2, h, w), rows and columns towards the middle of the object.
        labels: (N, h, w) seeds at the same size.
        radius: Of the neighbourhood, in cells.
        unknown: The label of cells that are not known.
    """
    affinity = pair_affinity(edge_logits.sigmoid(), radius)
    background, foreground, apart = pair_kinds(labels, radius, unknown)
    near, far = -(affinity + _TINY).log(), -(1 + _TINY - affinity).log()
    first, second = training_pairs((labels.shape[1], labels.shape[2]), radius)
    flat = displacement.flatten(2)
    moved = flat[:, :, None, first] - flat[:, :, second]  # (N, 2, neighbours, S)
    steps = torch.tensor([path[0] for path in paths(radius)]).T[None, :, :, None].to(moved)
    losses = dict(
        bg_pos_aff_loss=_mean(near, background),
        fg_pos_aff_loss=_mean(near, foreground),
        neg_aff_loss=_mean(far, apart),
        dp_fg_loss=_displaced((moved - steps).abs(), foreground),
        dp_bg_loss=_displaced(moved.abs(), background),
    )
    losses['pos_aff_loss'] = losses['bg_pos_aff_loss'] / 2 + losses['fg_pos_aff_loss'] / 2
    losses['total_loss'] = (losses['pos_aff_loss'] + losses['neg_aff_loss']) / 2 + (
        losses['dp_fg_loss'] + losses['dp_bg_loss']
    ) / 2
    return losses


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum() / (chosen.sum() + _TINY)


def _displaced(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen[:, None]).sum() / (2 * chosen.sum() + _TINY)
