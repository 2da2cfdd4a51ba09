"""Pictures of a folder at the size that a file takes."""

from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from PIL import Image
from torch import Tensor, nn

from ..datasets.picture_reading import load_picture
from ..errors import UserError
from .one_graph import steps_of

_MOST = 64  # pictures, our choice; they are all in memory
_SUFFIXES = {'.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff'}


def batches_of(folder: Path, model: nn.Module, size: tuple[int, int] | None) -> list[Tensor]:
    """Each picture (1, 3, H, W), RGB, 0 .. 255; up to 64 of them, evenly from all.

    Args:
        folder: of pictures.
        model: what is exported.
        size: (H, W) that all are resized to; None for the nearest multiple of the stride.

    Raises:
        UserError: no picture, or one that cannot be read.
    """
    files = sorted(path for path in folder.rglob('*') if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise UserError(f'{folder}: no pictures ({", ".join(sorted(_SUFFIXES))}) in it')
    chosen = [files[round(k)] for k in np.linspace(0, len(files) - 1, min(len(files), _MOST))]
    step = steps_of(model)[2]
    return [_read(path, size, step) for path in chosen]


def _read(path: Path, size: tuple[int, int] | None, step: int) -> Tensor:
    pixels = load_picture(str(path), LoadImageFromFile())  # (H, W, 3) BGR
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    if size is None:
        size = tuple(max(round(side / step), 2) * step for side in picture.size[::-1])
    picture = picture.resize(size[::-1], Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
