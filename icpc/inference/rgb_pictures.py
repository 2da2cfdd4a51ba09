"""From what users have in their hands to (H, W, 3) uint8 RGB."""

from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import UserError

_KINDS = (
    'a path, a PIL picture, a numpy array (H, W, 3) or a tensor (3, H, W), or a list, folder or '
    'generator of them'
)
_WHITE = 255


def rgb_of(picture: Any, name: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture that is in memory.

    What is transparent lies on white, 16 bits are scaled to 8, and a PIL picture is turned as its
    EXIF orientation says, all as a file is read. Values of floating point are shares of white, from
    0 to 1.

    Args:
        picture: A PIL picture; an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), RGB; or a tensor
            with channels first.
        name: What an error calls it.

    Raises:
        UserError: Another shape or type, or values out of range.
    """
    if isinstance(picture, Image.Image):
        return _from_pil(picture, name)
    if isinstance(picture, Tensor):
        pixels = picture.detach()
        if pixels.dim() == 3 and pixels.shape[0] not in (1, 3, 4):
            raise UserError(
                f'{name}: a tensor of shape {tuple(pixels.shape)}; expected (3, H, W), channels '
                'first, RGB'
            )
        pixels = pixels.to('cpu', torch.float32 if pixels.is_floating_point() else pixels.dtype)
        array = (pixels.permute(1, 2, 0) if pixels.dim() == 3 else pixels).numpy()
    elif isinstance(picture, np.ndarray):
        array = picture
    else:
        raise UserError(f'{name}: a {type(picture).__name__}; pictures are {_KINDS}')
    return _from_array(array, name)


def _from_pil(picture: Image.Image, name: str) -> np.ndarray:
    sixteen = picture.mode.startswith('I;16') or (picture.mode == 'I' and picture.format == 'PNG')
    if picture.mode[:1] in ('I', 'F') and not sixteen:
        raise UserError(
            f'{name}: a picture of mode {picture.mode} has no white of its own; give it with 8 or '
            '16 bits a channel'
        )
    try:
        picture = ImageOps.exif_transpose(picture)
        if sixteen:
            return _from_array(np.asarray(picture).astype(np.uint16), name)
        transparent = picture.mode in ('LA', 'La', 'PA', 'RGBA', 'RGBa')
        transparent = transparent or 'transparency' in picture.info
        return _from_array(np.asarray(picture.convert('RGBA' if transparent else 'RGB')), name)
    except (OSError, SyntaxError, ValueError) as error:  # a file that is read only now
        raise UserError(f'{name}: the picture cannot be read: {error}') from error


def _from_array(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        advice = ''
        if array.ndim == 4:
            advice = '; give a batch as a list of pictures'
        elif array.ndim == 3 and array.shape[0] in (1, 3, 4):
            advice = '; channels stand last: array.transpose(1, 2, 0)'
        raise UserError(
            f'{name}: an array of shape {array.shape}; expected (H, W, 3) RGB, (H, W) grey or '
            f'(H, W, 4) RGBA{advice}'
        )
    pixels = _eight_bits(array, name)
    if pixels.shape[2] == 4:
        pixels = _on_white(pixels)
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    return np.ascontiguousarray(pixels)


def _eight_bits(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)  # as OpenCV reads a file of 16 bits
    if array.dtype == bool:
        return array.astype(np.uint8) * _WHITE
    if array.dtype.kind == 'f':
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # of NaN, too
            raise UserError(
                f'{name}: values of floating point from {low:g} to {high:g}; expected shares of '
                'white from 0 to 1, or uint8'
            )
        return (array * _WHITE).round().astype(np.uint8)
    raise UserError(f'{name}: values of type {array.dtype}; expected uint8, uint16 or float')


def _on_white(pixels: np.ndarray) -> np.ndarray:
    """RGBA laid on white, by Pillow as for files."""
    if (pixels[..., 3] == _WHITE).all():
        return pixels[..., :3]
    colours = Image.fromarray(np.ascontiguousarray(pixels))
    paper = Image.new('RGBA', colours.size, 'white')
    paper.alpha_composite(colours)
    return np.asarray(paper.convert('RGB'))
