"""What the parts of a model must return: a user's own part is named when it returns another thing.

Only types and shapes are compared, which costs nothing beside the arithmetic and never asks the
device for a number.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..errors import UserError
from ..structures import CLIPFeatures
from ..tracing.exporting import is_exporting

Shape = tuple[int | None, ...]  # None for any size


def check_features(backbone: nn.Module, features: Any, batch: int) -> None:
    """Raises UserError unless a backbone gives maps (B, C_i, h_i, w_i), dense and pooled."""
    where = 'model.backbone', backbone
    if not isinstance(features, CLIPFeatures):
        _fail(where, features, 'icpc.structures.CLIPFeatures(pyramid, dense, pooled)')
    shapes = [(batch, channels, None, None) for channels in backbone.channels]
    _check_maps(where, features.pyramid, shapes, 'pyramid with maps (B, C_i, h_i, w_i)')
    for name, shape in (
        ('dense', (batch, backbone.embed_dim, None, None)),
        ('pooled', (batch, backbone.embed_dim)),
    ):
        value = getattr(features, name)
        if value is not None and not _fits(value, shape):
            _fail(where, value, f'{name} of shape {_written(shape)}')


def check_text(prompter: nn.Module, text: Any, batch: int, classes: int, width: int) -> None:
    """Raises UserError unless a prompter gives (B or 1, K, D)."""
    if not any(_fits(text, (count, classes, width)) for count in (batch, 1)):
        shape = f'({batch} or 1, {classes}, {width})'
        _fail(('model.prompter', prompter), text, f'text (B or 1, K, D) = {shape}')


def check_alignment(neck: nn.Module, output: Any, batch: int, levels: int, classes: int) -> None:
    """Raises UserError unless a neck gives maps (B, C, h_i, w_i) and scores (B, K, h_i, w_i)."""
    where = 'model.neck', neck
    if not isinstance(output, Sequence) or len(output) != 2:
        _fail(where, output, 'a pair (pyramid, score_maps)')
    pyramid, score_maps = output
    shape = batch, neck.out_channels, None, None
    _check_maps(where, pyramid, [shape] * levels, 'pyramid with maps (B, out_channels, h_i, w_i)')
    count = len(score_maps) if isinstance(score_maps, Sequence) else 0
    maps = [(batch, classes, None, None)] * count
    _check_maps(where, score_maps, maps, 'score_maps, a list of maps (B, K, h_i, w_i)')


def check_logits(head: nn.Module, logits: Any, batch: int) -> None:
    """Raises UserError unless a head gives logits (B, K, h, w)."""
    shape = batch, head.out_channels, None, None
    if not _fits(logits, shape):
        _fail(('model.decode_head', head), logits, f'logits (B, K, h, w) = {_written(shape)}')


def check_losses(key: str, part: nn.Module, losses: Any) -> None:
    """Raises UserError unless a head gives a dict of losses, or a loss gives a scalar."""
    if key == 'model.decode_head':
        if not isinstance(losses, Mapping):
            _fail((key, part), losses, 'a dict, name -> loss')
    elif not _fits(losses, ()):
        _fail((key, part), losses, 'a scalar tensor')


def _check_maps(
    where: tuple[str, nn.Module], maps: Any, shapes: Sequence[Shape], what: str
) -> None:
    if not isinstance(maps, Sequence) or len(maps) != len(shapes):
        _fail(where, maps, f'{what}, {len(shapes)} of them')
    for index, (one, shape) in enumerate(zip(maps, shapes, strict=True)):
        if not _fits(one, shape):
            _fail(where, one, f'{what}; number {index} of shape {_written(shape)}')


def _fits(value: Any, shape: Shape) -> bool:
    return (
        isinstance(value, Tensor)
        and value.dim() == len(shape)
        and (is_exporting() or all(n in (None, m) for n, m in zip(shape, value.shape, strict=True)))
    )


def _fail(where: tuple[str, nn.Module], value: Any, expected: str) -> None:
    key, part = where
    raise UserError(f'{key}: {type(part).__name__} returned {_said(value)}; expected {expected}')


def _said(value: Any) -> str:
    if isinstance(value, Tensor):
        return f'a tensor of shape {tuple(value.shape)}' if value.dim() else 'a scalar tensor'
    if isinstance(value, list | tuple):
        return f'a {type(value).__name__} of {len(value)} ({", ".join(map(_said, value))})'
    return 'None' if value is None else f'a {type(value).__name__}'


def _written(shape: Shape) -> str:
    return '(' + ', '.join('any' if size is None else str(size) for size in shape) + ')'
