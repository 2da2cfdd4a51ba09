"""CLIP-ES' affinity: maps flow between the patches that a vision transformer relates."""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...clip import load_clip
from ...clip.freezing import freeze
from ...clip.pixels import clip_pixels
from ...clip.vision.vit import CLIPViT
from ...errors import UserError


class AttentionAffinity:
    """The affinity of CLIP-ES (Lin et al., CVPR 2023, section 3.3).

    The mean of the last blocks' attention weights becomes doubly stochastic (Sinkhorn), symmetric
    and squared; each map is multiplied by it, inside the boxes around what is strong in the map.

    Args:
        model: A CLIP with a vision transformer.
        pretrained: Its weights.
        blocks: The last so many blocks count (CLIP-ES: 8).
        box: Share of a map's maximum above which it is strong (CLIP-ES: 0.4 on VOC, 0.7 on COCO).
        device: Such as `cuda`; None for the first GPU, or the CPU.

    Raises:
        UserError: A value out of its range.
    """

    def __init__(
        self,
        model: str | dict = 'ViT-B-16-quickgelu',
        pretrained: str | None = 'openai',
        blocks: int = 8,
        box: float = 0.4,
        device: str | None = None,
    ) -> None:
        place = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.network = CLIPViT(load_clip(model, pretrained).visual, dense=None, resample=False)
        freeze(self.network.to(place))
        depth = len(self.network.visual.transformer.resblocks)
        if not 0 < blocks <= depth:
            raise UserError(f'refine=affinity: blocks must be 1 .. {depth}, got {blocks}')
        if not 0 <= box < 1:
            raise UserError(f'refine=affinity: box must lie in 0..1, got {box}')
        self.blocks, self.box = blocks, box
        pixels = clip_pixels(model, pretrained)
        self.mean, self.std = (torch.tensor(one, device=place) for one in (pixels.mean, pixels.std))

    @torch.no_grad()
    def __call__(self, image: Tensor, maps: Tensor) -> Tensor:
        """(k, H, W) in 0..1, the largest value of each map 1.

        Args:
            image: (3, H, W) RGB in 0..255.
            maps: (k, H, W) in 0..1.
        """
        if not len(maps):
            return maps
        normalised = (image.to(self.mean) - self.mean[:, None, None]) / self.std[:, None, None]
        affinity, grid = self.affinity(normalised[None])
        coarse = F.interpolate(maps[None].to(affinity), grid, mode='area')[0]
        boxes = torch.stack([_boxes(one, self.box) for one in coarse]).to(affinity)
        flown = ((coarse * boxes).flatten(1) @ affinity.T).reshape(coarse.shape)
        flown = flown / flown.amax(dim=(1, 2), keepdim=True).clamp(min=1e-7)
        return F.interpolate(flown[None], maps.shape[1:], mode='bilinear')[0]

    def affinity(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """(h w, h w) of patches, and (h, w), of a normalised picture (1, 3, H, W)."""
        network = self.network
        height, width = images.shape[2:]
        images = F.pad(images, (0, -width % network.patch, 0, -height % network.patch))
        x, grid = network._embed(images)
        weights = []
        for block in network.visual.transformer.resblocks:
            read = block.ln_1(x)
            weights.append(block.attn(read, read, read, need_weights=True)[1][0, 1:, 1:])
            x = x + block.ls_1(block.attention(read))
            x = x + block.ls_2(block.mlp(block.ln_2(x)))
        matrix = torch.stack(weights[-self.blocks :]).mean(dim=0)
        for _ in range(3):
            matrix = matrix / matrix.sum(dim=0, keepdim=True)
            matrix = matrix / matrix.sum(dim=1, keepdim=True)
        matrix = (matrix + matrix.T) / 2
        return matrix @ matrix, grid


def _boxes(values: Tensor, share: float) -> Tensor:
    """1 inside the boxes around the connected parts above a share of the maximum, else 0."""
    strong = (values > share * values.max()).cpu().numpy().astype(np.uint8)
    inside = torch.zeros_like(values)
    _, _, parts, _ = cv2.connectedComponentsWithStats(strong, connectivity=8)
    for left, top, width, height, _ in parts[1:].tolist():  # the first one is the rest
        inside[top : top + height, left : left + width] = 1
    return inside
