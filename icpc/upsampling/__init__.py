"""Bilinear upsampling fused with what follows it, so that K full-size maps never exist."""

from .cross_entropy import UpsampledLoss, upsampled_cross_entropy
from .separable import (
    AxisMatrix,
    Part,
    add_part,
    argmax_rows,
    axis_matrix,
    bilinear_matrix,
    resize_rows,
    sum_rows,
    upsampled_argmax,
)

__all__ = [
    'AxisMatrix',
    'Part',
    'UpsampledLoss',
    'add_part',
    'argmax_rows',
    'axis_matrix',
    'bilinear_matrix',
    'resize_rows',
    'sum_rows',
    'upsampled_argmax',
    'upsampled_cross_entropy',
]
