"""Maps that are resized row by row and column by column, evaluated in small tiles."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# Numbers of one tile, our choice: 1 MiB of float32 stays in a CPU core's cache.
_CPU_TILE, _GPU_TILE = 2**18, 2**24
_COARSE = 64  # pixels for each input, from which on classes that cannot win are looked for
_SMALLEST_TILE = 16  # pixels along each side; smaller tiles read most inputs twice


class AxisMatrix(NamedTuple):
    """What each output of an axis takes of each input, usually of a few inputs alone.

    Attributes:
        weights: (outputs, inputs), on the device of the arithmetic.
        spans: of each output, its first input with a weight and the one behind the last; (0, 0)
            for none. On the host, so that the device is never asked what is needed.
    """

    weights: Tensor
    spans: list[tuple[int, int]]

    def to(self, like: Tensor) -> 'AxisMatrix':
        """With weights on the device and in the type of ``like``."""
        return AxisMatrix(self.weights.to(like), self.spans)

    def inputs(self, outputs: slice) -> slice | None:
        """The inputs that some outputs need; None for none."""
        spans = [span for span in self.spans[outputs] if span[1]]
        return slice(min(a for a, _ in spans), max(b for _, b in spans)) if spans else None

    def outputs(self) -> slice | None:
        """The outputs that need any input; None for none."""
        used = [index for index, span in enumerate(self.spans) if span[1]]
        return slice(used[0], used[-1] + 1) if used else None


def axis_matrix(weights: Tensor) -> AxisMatrix:
    """An axis from its weights (outputs, inputs) on the CPU."""
    used = (weights != 0).int()
    first, behind = used.argmax(dim=1), used.shape[1] - used.flip(1).argmax(dim=1)
    behind = behind.where(used.any(dim=1), 0)
    return AxisMatrix(weights, list(zip(first.tolist(), behind.tolist(), strict=True)))


class Part(NamedTuple):
    """One low-resolution map and its share in a picture: ``rows @ map @ columns.T``.

    Attributes:
        values: (K, h, w); on another device than the rest it is fetched band by band.
        rows: H outputs of h inputs.
        columns: W outputs of w inputs.
    """

    values: Tensor
    rows: AxisMatrix
    columns: AxisMatrix


def resize_rows(matrix: Tensor, outputs: int) -> Tensor:
    """Bilinear interpolation (``align_corners=False``) of a matrix (n, ...) to (outputs, ...)."""
    low, high, fraction = _neighbours(len(matrix), outputs)
    fraction = fraction[:, None].to(matrix.dtype)
    return matrix[low].mul_(1 - fraction).addcmul_(matrix[high], fraction)


def bilinear_matrix(inputs: int, outputs: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """(outputs, inputs): what ``F.interpolate(mode='bilinear')`` does along an axis."""
    low, high, fraction = _neighbours(inputs, outputs)
    matrix = torch.zeros(outputs, inputs, dtype=dtype)
    matrix.scatter_(1, low[:, None], (1 - fraction[:, None]).to(dtype))
    return matrix.scatter_add_(1, high[:, None], fraction[:, None].to(dtype))


def _neighbours(inputs: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """(outputs,) the two inputs that each output lies between, and its way to the second."""
    place = (torch.arange(outputs, dtype=torch.float64) + 0.5) * (inputs / outputs) - 0.5
    place = place.clamp(0, inputs - 1)
    low = place.floor().long()
    return low, (low + 1).clamp(max=inputs - 1), place - low


def upsampled_argmax(logits: Tensor, size: Sequence[int]) -> Tensor:
    """The best class of every pixel of bilinearly upsampled logits, without K full-size maps.

    Args:
        logits: (K, h, w) or (B, K, h, w).
        size: (H, W).

    Returns:
        (H, W) or (B, H, W) int64. Beside it and the logits, memory for one tile (1 MiB of float32
        on a CPU, 64 MiB on a GPU; a few times that in all) and one band of inputs is used.
    """
    if logits.dim() == 4:
        return torch.stack([upsampled_argmax(one, size) for one in logits])
    like = logits.new_empty(0, dtype=_working_dtype(logits))
    rows, columns = (
        axis_matrix(bilinear_matrix(n, m, like.dtype)).to(like)
        for n, m in zip(logits.shape[1:], size, strict=True)
    )
    return argmax_rows([Part(logits, rows, columns)], slice(0, size[0]))


@torch.no_grad()
def argmax_rows(parts: Sequence[Part], wanted: slice) -> Tensor:
    """The best class of the sum of several parts, for some rows of the picture.

    Args:
        parts: at least one; all of the same K, H and W.
        wanted: rows of the picture.

    Returns:
        (wanted rows, W) int64; the first of equal classes.
    """
    kept = _able_to_win(parts)
    if kept is not None:
        few = parts[0]._replace(values=parts[0].values[kept])
        return kept[_best_of_tiles([few], wanted)]
    return _best_of_tiles(parts, wanted)


def _able_to_win(parts: Sequence[Part]) -> Tensor | None:
    """Ids of the classes of a coarse map that can be the best anywhere; None for all of them.

    Weights are positive and the same for all classes: a class whose largest input lies below the
    smallest input of another one is behind it at every pixel between them. This is looked for where
    it takes nothing beside the pixels, and on a CPU alone, since a GPU would wait for the answer.
    """
    values, rows, columns = parts[0]
    pixels = len(rows.spans) * len(columns.spans)
    if len(parts) > 1 or values.device.type != 'cpu' or pixels < _COARSE * values[0].numel():
        return None
    window = [max(behind - first for first, behind in axis.spans) for axis in (rows, columns)]
    values = values.to(rows.weights.dtype)
    most, least = (sign * F.max_pool2d(sign * values, window, stride=1) for sign in (1, -1))
    rounding = 16 * torch.finfo(values.dtype).eps * values.abs().amax()
    behind = most < least.amax(dim=0) - rounding  # of what is not a number, nothing is
    kept = (~behind.flatten(1).all(dim=1)).nonzero().squeeze(1)
    return kept if len(kept) < len(values) else None


def _best_of_tiles(parts: Sequence[Part], wanted: slice) -> Tensor:
    """``argmax_rows`` among all classes."""
    classes, width = len(parts[0].values), len(parts[0].columns.spans)
    device, dtype = parts[0].rows.weights.device, parts[0].rows.weights.dtype
    budget = _CPU_TILE if device.type == 'cpu' else _GPU_TILE
    side = max(math.isqrt(budget // classes), _SMALLEST_TILE)
    best = torch.empty(wanted.stop - wanted.start, width, dtype=torch.long, device=device)
    buffers = torch.empty(2, side * side * classes, dtype=dtype, device=device)
    index = torch.arange(classes, dtype=buffers.dtype, device=device)
    with torch.autocast(device.type, enabled=False):
        for top in range(wanted.start, wanted.stop, side):
            rows = slice(top, min(top + side, wanted.stop))
            bands = [band for part in parts if (band := _band(part, rows)) is not None]
            for left in range(0, width, side):
                columns = slice(left, min(left + side, width))
                shape = rows.stop - rows.start, columns.stop - columns.start, classes
                total, spare = (buffer[: math.prod(shape)].view(shape) for buffer in buffers)
                _sum_tile(bands, columns, total)
                place = slice(rows.start - wanted.start, rows.stop - wanted.start)
                best[place, columns] = _best_class(total, spare, index)
    return best


@torch.no_grad()
def add_part(total: Tensor, part: Part) -> None:
    """Adds one part to full-size maps (K, H, W), in place."""
    rows, columns = part.rows.outputs(), part.columns.outputs()
    if rows is None or columns is None:
        return
    down, right = part.rows.weights[rows], part.columns.weights[columns]
    with torch.autocast(total.device.type, enabled=False):
        across = part.values.to(down.dtype) @ right.T  # (K, h, W')
        total[:, rows, columns] += (down @ across).to(total.dtype)


@torch.no_grad()
def sum_rows(parts: Sequence[Part], wanted: slice) -> Iterator[tuple[slice, Tensor]]:
    """The sum of several parts at some rows of the picture, in bands that fit into a tile.

    Args:
        parts: at least one; all of the same K, H and W.
        wanted: rows of the picture.

    Yields:
        Rows, and the maps (K, rows, W) there.
    """
    weights = parts[0].rows.weights
    classes, width = len(parts[0].values), len(parts[0].columns.spans)
    height = max(_GPU_TILE // (classes * width), 1)
    for top in range(wanted.start, wanted.stop, height):
        rows = slice(top, min(top + height, wanted.stop))
        total = weights.new_zeros(classes, rows.stop - rows.start, width)
        for part in parts:
            some = AxisMatrix(part.rows.weights[rows], part.rows.spans[rows])
            add_part(total, Part(part.values.to(total), some, part.columns))
        yield rows, total


class _Band(NamedTuple):
    """The inputs of some rows of the picture, channels last, and their weights."""

    values: Tensor  # (h', w, K)
    rows: Tensor  # (r, h')
    columns: AxisMatrix  # W outputs of w inputs


def _band(part: Part, rows: slice) -> _Band | None:
    """None where the part does not touch these rows."""
    needed = part.rows.inputs(rows)
    if needed is None:
        return None
    weights = part.rows.weights[rows, needed].contiguous()
    values = part.values[:, needed].permute(1, 2, 0).to(weights).contiguous()
    return _Band(values, weights, part.columns)


def _sum_tile(bands: list[_Band], columns: slice, total: Tensor) -> None:
    """Writes the sum of all bands at these columns into ``total`` (r, c, K)."""
    started = False
    for band in bands:
        needed = band.columns.inputs(columns)
        if needed is None:
            continue
        inputs = band.values[:, needed].flatten(1)  # (h', w' * K)
        down = (band.rows @ inputs).unflatten(1, (-1, total.shape[2]))  # (r, w', K)
        across = band.columns.weights[columns, needed].expand(len(total), -1, -1)  # (r, c, w')
        if started:
            total.baddbmm_(across, down)
        else:
            torch.bmm(across, down, out=total)
        started = True
    if not started:
        total.zero_()


def _best_class(values: Tensor, spare: Tensor, index: Tensor) -> Tensor:
    """``values.argmax(2)`` of (r, c, K); on a CPU by way of ``spare`` in a third of the time.

    Exact for up to 2^24 classes, which ``index`` counts.
    """
    if values.device.type != 'cpu':
        return values.argmax(dim=2)
    torch.eq(values, values.amax(dim=2, keepdim=True), out=spare)  # 1 at the best class
    if not (spare.sum(dim=2) == 1).all():  # equal classes, or not a number
        return values.argmax(dim=2)
    return torch.mv(spare.flatten(0, 1), index).round().long().view(values.shape[:2])


def _working_dtype(values: Tensor) -> torch.dtype:
    return torch.float64 if values.dtype == torch.float64 else torch.float32


__all__ = [
    'AxisMatrix',
    'Part',
    'add_part',
    'argmax_rows',
    'axis_matrix',
    'bilinear_matrix',
    'resize_rows',
    'sum_rows',
    'upsampled_argmax',
]
