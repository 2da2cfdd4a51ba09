"""Seeds: the pixels of activations that are sure enough to learn from."""

import torch
from torch import Tensor

from .dense_crf import CRF, SEED_CRF, dense_crf, energies_of_labels

UNKNOWN = 255


def seed_labels(
    cam: Tensor,
    keys: Tensor,
    picture: Tensor,
    foreground: float = 0.3,
    background: float = 0.1,
    crf: CRF | None = SEED_CRF,
    confidence: float = 0.7,
    unknown: int = UNKNOWN,
) -> dict[str, Tensor]:
    """Maps of labels (H, W) by name: `foreground`, `background`, and `labels` made of both.

    A pixel keeps its class where the sure activations have one, is `unknown` where only the
    weak ones have one, and is background (0) elsewhere. Classes are `keys` + 1.

    Args:
        cam: (C, H, W) in [0, 1], of the picture's classes.
        keys: (C,) the class of each map.
        picture: uint8 (H, W, 3), RGB.
        foreground, background: Thresholds of sure and of weak activations.
        crf: That refines both; None leaves it out.
        confidence: Of hard labels in the CRF.
        unknown: The id of what is not known.
    """
    ids = torch.cat([torch.zeros_like(keys[:1]), keys + 1])
    maps = {}
    for name, threshold in (('foreground', foreground), ('background', background)):
        best = torch.cat([torch.full_like(cam[:1], threshold), cam]).argmax(0)
        if crf is not None:
            best = dense_crf(picture, energies_of_labels(best, len(ids), confidence), crf).argmax(0)
        maps[name] = ids[best]
    weak = torch.where(maps['background'] > 0, unknown, 0)
    return maps | dict(labels=torch.where(maps['foreground'] > 0, maps['foreground'], weak))
