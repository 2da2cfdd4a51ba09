"""What the losses of MMSegmentation's heads are a mean over, picture by picture."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import torch
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import CrossEntropyLoss, DiceLoss, LovaszLoss, TverskyLoss
from torch import Tensor, nn

from .errors import UserError
from .parts import CountsUnits
from .picture_sizes import padded_size

Count = Callable[[Tensor], Tensor | float]  # labels (H, W) of a picture -> its units
_ONE_PASS = (
    'a mean over the global batch cannot be put together from passes or ranks; take it out, or '
    'train in one pass on one rank (gpu_batch = global_batch)'
)


def head_counts(model: nn.Module) -> dict[str, Count]:
    """What each term of a segmentor's decode and auxiliary heads counts in a picture's labels.

    Args:
        model: a segmentor of MMSegmentation's kind; others have no terms.

    Returns:
        term, such as ``decode.loss_ce`` -> a function of a picture's labels (H, W). Terms that are
        not in it are means over the labelled pixels.

    Raises:
        UserError: a loss whose mean over passes and ranks is not that of the global batch.
    """
    counts: dict[str, Count] = {}
    for prefix, key, head in _heads(model):
        _check_own_loss(head, key)
        losses = getattr(head, 'loss_decode', nn.ModuleList())
        many = isinstance(losses, nn.ModuleList)
        kinds: dict[str, tuple] = {}
        for index, loss in enumerate(losses if many else [losses]):
            where = f'{key}.loss_decode.{index}' if many else f'{key}.loss_decode'
            kind, count = _count_of(loss, head, model, where)
            if kinds.setdefault(loss.loss_name, kind) != kind:
                raise UserError(
                    f'{where}.loss_name={loss.loss_name!r}: losses of one name are summed up, but '
                    'these are means over different things; give each a loss_name of its own, '
                    'beginning with loss_'
                )
            counts[f'{prefix}.{loss.loss_name}'] = count
    return counts


def add_up(counts: dict[str, Count], pictures: Iterable[Tensor]) -> dict[str, Tensor | float]:
    """The units of several pictures' labels (H, W), which may be of different sizes."""
    units: dict[str, Tensor | float] = dict.fromkeys(counts, 0.0)
    for labels in pictures:
        for term, count in counts.items():
            units[term] = units[term] + count(labels)
    return units


def labelled(labels: Tensor, ignore_index: int) -> Tensor:
    """The number of pixels that count; a scalar."""
    return (labels != ignore_index).sum()


def _heads(model: nn.Module) -> Iterator[tuple[str, str, nn.Module]]:
    """MMSegmentation's prefix of the terms, the key of the config, and the head, of each."""
    for name, prefix in (('decode_head', 'decode'), ('auxiliary_head', 'aux')):
        heads = getattr(model, name, None)
        if isinstance(heads, nn.ModuleList):
            for index, head in enumerate(heads):
                yield f'{prefix}_{index}', f'model.{name}.{index}', head
        elif heads is not None:
            yield prefix, f'model.{name}', heads


def _check_own_loss(head: nn.Module, key: str) -> None:
    """Raises for heads of MMSegmentation whose losses are made of more than dense logits."""
    known = {BaseDecodeHead.loss, BaseCascadeDecodeHead.loss, BaseDecodeHead.loss_by_feat}
    methods = {getattr(type(head), name, None) for name in ('loss', 'loss_by_feat')}
    for method in methods - known - {None}:
        if method.__module__.startswith('mmseg.'):
            raise UserError(
                f'{key}: {type(head).__name__} computes more than losses of dense logits, of '
                f'which {_ONE_PASS}'
            )


def _count_of(
    loss: nn.Module, head: nn.Module, model: nn.Module, where: str
) -> tuple[tuple, Count]:
    """What a loss of dense logits is a mean over: a name of the kind, and how it is counted."""
    if isinstance(loss, CountsUnits):
        return (loss,), lambda labels: loss.units(labels[None], head.num_classes)
    pixels = partial(labelled, ignore_index=head.ignore_index)
    name, reduction = type(loss).__name__, getattr(loss, 'reduction', 'mean')
    if getattr(head, 'sampler', None) is not None:
        raise UserError(f'{where.rpartition(".loss_decode")[0]}.sampler picks pixels; {_ONE_PASS}')
    if reduction == 'sum':
        raise UserError(f"{where}.reduction='sum' with {name}: {_ONE_PASS}; or set 'mean'")
    if isinstance(loss, DiceLoss | TverskyLoss) or (
        isinstance(loss, LovaszLoss) and loss.per_image
    ):
        return ('pictures',), lambda labels: 1.0
    if not type(loss).__module__.startswith('mmseg.') and not isinstance(loss, CrossEntropyLoss):
        return ('labelled',), pixels
    if not isinstance(loss, CrossEntropyLoss) or loss.use_mask:
        raise UserError(f'{where}: {name} is no mean over pixels or pictures; {_ONE_PASS}')
    if reduction == 'mean' and loss.class_weight is not None and not loss.use_sigmoid:
        weights = torch.as_tensor(loss.class_weight, dtype=torch.float64)
        return ('weights', *weights.tolist()), partial(
            _weight, weights=weights, ignore_index=head.ignore_index
        )
    if reduction == 'mean' and loss.avg_non_ignore:
        return ('labelled',), pixels
    return ('pixels',), partial(_area, size=_fixed_size(model, where), model=model)


def _weight(labels: Tensor, weights: Tensor, ignore_index: int) -> Tensor:
    """The sum of the labelled pixels' class weights."""
    return weights.to(labels.device)[labels[labels != ignore_index].long()].sum()


def _area(labels: Tensor, size: Sequence[int], model: nn.Module) -> float:
    """All pixels of a picture as the model sees it, with padding."""
    height, width = (max(own, least) for own, least in zip(labels.shape, size, strict=True))
    height, width = padded_size((height, width), getattr(model.backbone, 'size_divisor', 1))
    return float(height * width)


def _fixed_size(model: nn.Module, where: str) -> Sequence[int]:
    """The size that the preprocessor pads to.

    Raises:
        UserError: it pads to the largest of a pass, or not at all.
    """
    size = getattr(getattr(model, 'data_preprocessor', None), 'size', None)
    if size is None:
        raise UserError(
            f'{where} is the mean over all pixels, the ignored ones too: with several passes or '
            'ranks in a step it needs pictures of one size; set its avg_non_ignore=True '
            "(reduction='mean'), or model.data_preprocessor.size to a fixed (height, width)"
        )
    return size
