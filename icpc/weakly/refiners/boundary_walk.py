"""IRN's random walk: maps spread until an edge of the boundary network stops them."""

from pathlib import Path

import torch
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from ...errors import UserError
from ...inference.load_model import load_model
from ...weak.walk import random_walk, walked_scores

_CELL, _EPSILON = 4, 1e-5  # pixels; CLIMS: maps are divided by their maximum and this


class BoundaryWalk:
    """Walks on the cells of a boundary network.

    Args:
        network: The work directory of a finished run of a boundary network.
        radius: Steps reach cells that are nearer (IRN: 5).
        beta: Power of the affinities (IRN: 10); higher walks keep off weaker edges.
        exponent: The walk has two to the power of it many steps (IRN: 8).
        device: As for `icpc.load_model`.

    Raises:
        UserError: No such run, or one of another model.
    """

    def __init__(
        self,
        network: str | Path,
        radius: int = 5,
        beta: float = 10,
        exponent: int = 8,
        device: str | None = None,
    ) -> None:
        self.model = load_model(network, device).model
        if not hasattr(self.model, 'edge_logits'):
            raise UserError(
                f'{network}: {type(self.model).__name__} finds no edges; name the work directory '
                'of a BoundaryNetwork'
            )
        self.walk = radius, beta, exponent

    @torch.no_grad()
    def __call__(self, image: Tensor, maps: Tensor) -> Tensor:
        """(k, H, W) in 0..1, the largest of all classes 1.

        Args:
            image: (3, H, W) RGB in 0..255.
            maps: (k, H, W) in 0..1.
        """
        if not len(maps):
            return maps
        size = tuple(maps.shape[1:])
        sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size))
        (found,) = self.model.test_step(dict(inputs=[image.flip(0)], data_samples=[sample]))
        edge = found.pred_edge.data[0]
        cells = F.interpolate(maps[None], edge.shape, mode='area')[0]
        cells = cells / (cells.amax(dim=(1, 2), keepdim=True) + _EPSILON)
        return walked_scores(random_walk(cells, edge, *self.walk), size, _CELL).nan_to_num()
