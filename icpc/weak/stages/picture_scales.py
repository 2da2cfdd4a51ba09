"""Views of a picture at other scales, as the published code makes them: PIL's, of whole numbers."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn


def rescaled(inputs: Tensor, scale: float, mean: Tensor, std: Tensor) -> Tensor:
    """Pictures resized bicubically as PIL does it, (B, C, round(H scale), round(W scale)).

    The numbers of 0 .. 255 that the inputs were made of are resized, with antialias, and rounded;
    sides that end in a half become even.

    Args:
        inputs: (B, C, H, W), normalised.
        scale: above 0.
        mean, std: (C, 1, 1) that they were normalised with.
    """
    if scale == 1:
        return inputs
    height, width = (max(1, round(side * scale)) for side in inputs.shape[-2:])
    pixels = (inputs * std + mean).round().clamp(0, 255).byte().cpu().numpy()
    resized = [
        np.asarray(Image.fromarray(channel).resize((width, height), Image.BICUBIC))
        for channel in pixels.reshape(-1, *pixels.shape[2:])
    ]
    views = torch.from_numpy(np.stack(resized)).to(inputs).unflatten(0, inputs.shape[:2])
    return (views - mean) / std


def pixel_statistics(preprocessor: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (3, 1, 1) that a preprocessor normalises with; 0 and 1 without any.

    Args:
        preprocessor: A model's.
        like: Whose device and type they have.
    """
    plain = like.new_zeros(3, 1, 1)
    found = getattr(preprocessor, 'mean', plain), getattr(preprocessor, 'std', plain + 1)
    return found[0].to(like), found[1].to(like)
