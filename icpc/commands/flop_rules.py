"""Operations of single operators in fvcore's convention, for torch's own counter."""

from math import prod

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

_aten = torch.ops.aten
TRANSPOSED = ('input', 'output')


def flop_counter(transposed: str = 'input') -> FlopCounterMode:
    """A counter of floating point operations, which are two for each multiply-add.

    It counts convolutions, linear layers and all matrix products, those of attention included; and
    as fvcore does, norms and interpolations. Activations, additions and pooling count nothing.

    Args:
        transposed: Over which positions a transposed convolution is counted: `input`, each of which
            meets the whole kernel once (right); or `output`, as older fvcore did.
    """
    if transposed not in TRANSPOSED:
        raise ValueError(f'transposed must be one of {TRANSPOSED}, got {transposed!r}')
    rules = {
        _aten.native_batch_norm: _batch_norm,
        _aten._native_batch_norm_legit_no_training: _batch_norm,
        _aten.native_layer_norm: _other_norm,
        _aten.native_group_norm: _other_norm,
        _aten.upsample_nearest2d: _nearest,
        _aten.upsample_bilinear2d: _bilinear,
    }
    if transposed == 'output':
        rules[_aten.convolution] = _convolution_over_output
    return FlopCounterMode(display=False, custom_mapping=rules)


def _batch_norm(image: torch.Size, *_: object, **__: object) -> int:
    return 2 * 2 * prod(image)


def _other_norm(image: torch.Size, *_: object, **__: object) -> int:
    return 2 * 5 * prod(image)


def _nearest(*_: object, out_shape: torch.Size, **__: object) -> int:
    return 2 * prod(out_shape)


def _bilinear(*_: object, out_shape: torch.Size, **__: object) -> int:
    return 2 * 4 * prod(out_shape)


def _convolution_over_output(
    image: torch.Size, weight: torch.Size, *_: object, out_shape: torch.Size, **__: object
) -> int:
    return conv_flop_count(image, weight, out_shape, transposed=False)
