"""Whole and sliding-window inference at the network's own resolution, and the way back to disk.

Everything between a window's low-resolution map and the prediction on disk is linear and works on
rows and columns apart: upsampling to the window, the mean over overlapping windows, cutting off
padding, flipping back, resizing. So it is one matrix per axis and window, and K maps of the full
size are only made where somebody asks for them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..memory.windows import MEMORY_BUDGET, WaitingMaps
from ..upsampling import (
    AxisMatrix,
    Part,
    add_part,
    argmax_rows,
    axis_matrix,
    bilinear_matrix,
    resize_rows,
    sum_rows,
)

Forward = Callable[[Tensor], list[Tensor]]
# Takes full-size maps (K, n, W) of some rows of a picture, gives their labels (n, W).
Decide = Callable[[Tensor], Tensor]


class Result(NamedTuple):
    """One map of one picture at the size on disk."""

    best: Tensor  # (H0, W0) int64, the best class
    logits: Tensor | None  # (K or kept classes, H0, W0) float, where they are kept


def windows(length: int, crop: int, stride: int) -> list[slice]:
    """Slices that cover one axis of a picture; the last is moved back inside it.

    Args:
        length: of the picture, in pixels.
        crop: of a window; more than the length is allowed.
        stride: step, at most the crop, or pixels would be left out.

    Raises:
        ValueError: a stride beyond the crop or below 1.
    """
    if not 1 <= stride <= crop:
        raise ValueError(
            f'test_cfg.stride must be between 1 and the crop: stride {stride}, crop {crop}'
        )
    count = max(length - crop + stride - 1, 0) // stride + 1
    starts = [max(min(i * stride + crop, length) - crop, 0) for i in range(count)]
    return [slice(start, min(start + crop, length)) for start in starts]


def window_grid(size: Sequence[int], test_cfg: dict) -> tuple[list[slice], list[slice]]:
    """Row and column slices of the windows that ``test_cfg`` asks for in a picture (H, W).

    Raises:
        ValueError: an unknown ``test_cfg.mode``, a crop or stride that is no pair of sizes, or a
            stride that leaves pixels out.
    """
    mode = test_cfg.get('mode', 'whole')
    if mode == 'whole':
        return [slice(0, size[0])], [slice(0, size[1])]
    if mode != 'slide':
        raise ValueError(f"model.test_cfg.mode must be 'whole' or 'slide', got {mode!r}")
    crop, stride = (_pair(test_cfg.get(key), key) for key in ('crop_size', 'stride'))
    axes = zip(size, crop, stride, strict=True)
    rows, columns = (windows(*axis) for axis in axes)
    return rows, columns


def _pair(value: object, key: str) -> tuple[int, int]:
    """(height, width) in pixels."""
    sizes = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(sizes) != 2 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(
            f"model.test_cfg.mode='slide' needs model.test_cfg.{key}, two whole numbers of pixels "
            f'such as (512, 512); got {value!r}'
        )
    return sizes


def predict_maps(
    forward: Forward,
    images: Tensor,
    metas: Sequence[dict],
    places: tuple[list[slice], list[slice]],
    divisor: int,
    keep_logits: bool = False,
    memory_budget: float | None = MEMORY_BUDGET,
    keep_classes: Sequence[int] = (),
    decide: Decide | None = None,
) -> list[list[Result]]:
    """Runs a network over windows and gives what each picture has at its size on disk.

    Windows are kept at the network's own resolution, and only while rows of the prediction wait for
    the windows below: two rows of windows, K x (height of both) x width / stride^2 numbers. What is
    beyond the budget waits in the host's memory or, on a CPU, in a temporary file.

    Args:
        forward: windows (B, 3, h, w) -> maps (B, K, ., .) that cover the window padded at the right
            and at the bottom to a multiple of ``divisor``.
        images: (B, 3, H, W).
        metas: MMSegmentation's metainfo of each picture: padding, flip and original size; empty
            leaves the picture as it is.
        places: row and column slices of the windows, see :func:`window_grid`.
        divisor: see ``forward``.
        keep_logits: also give the full-size maps, the mean over overlapping windows.
        memory_budget: MiB that waiting windows of all pictures may hold; None for no limit. It does
            not count with ``keep_logits``, where no window waits.
        keep_classes: ids of a few classes whose full-size maps are given where not all K are.
        decide: what the maps say where that is not their best class.

    Returns:
        for every map of ``forward`` one result for every picture.

    Raises:
        ValueError: the budget is no positive number.
    """
    waiting = WaitingMaps(memory_budget)
    collectors: list[list[_Collector]] = []
    for i, rows in enumerate(places[0]):
        for j, columns in enumerate(places[1]):
            maps = [values.float() for values in forward(images[:, :, rows, columns])]
            if not collectors:
                size = tuple(images.shape[2:])
                keep = keep_logits, list(keep_classes), decide
                collectors = [
                    [_Collector(one, size, places, divisor, m, *keep) for m in metas]
                    for one in maps
                ]
            for values, pictures in zip(maps, collectors, strict=True):
                values = values if keep_logits else waiting.keep(values, i)
                for value, picture in zip(values, pictures, strict=True):
                    picture.add(value, i, j)
        waiting.forget(min(picture.complete(i) for pictures in collectors for picture in pictures))
    return [[picture.result() for picture in pictures] for pictures in collectors]


class _Collector:
    """Takes one picture's windows of one map, and gives its prediction row by row.

    Args:
        like: (B, K, h, w), the map of a window.
        size: (H, W) of the network's input.
        places, divisor, meta, keep_logits, keep_classes, decide: as for :func:`predict_maps`.
    """

    def __init__(
        self,
        like: Tensor,
        size: tuple[int, int],
        places: tuple[list[slice], list[slice]],
        divisor: int,
        meta: dict,
        keep_logits: bool,
        keep_classes: list[int],
        decide: Decide | None,
    ) -> None:
        self.axes = [
            [matrix.to(like) for matrix in _axis_matrices(*axis, divisor)]
            for axis in zip(like.shape[2:], size, places, _restorations(size, meta), strict=True)
        ]
        self.parts: list[tuple[int, Part]] = []
        disk = [len(axis[0].spans) for axis in self.axes]
        self.best = torch.empty(disk, dtype=torch.long, device=like.device)
        self.keep_logits, self.keep_classes, self.decide = keep_logits, keep_classes, decide
        kept = like.shape[1] if keep_logits else len(keep_classes)
        self.logits = like.new_zeros(kept, *disk) if kept else None
        # Of each row of pixels (H0) the first and the last row of windows that touch it.
        touching = [
            [index for index, (_, behind) in enumerate(spans) if behind]
            for spans in zip(*(matrix.spans for matrix in self.axes[0]), strict=True)
        ]
        self.first, self.last = ([rows[place] for rows in touching] for place in (0, -1))

    def add(self, values: Tensor, row: int, column: int) -> None:
        """Takes one window's map (K, h, w)."""
        axes = self.axes[0][row], self.axes[1][column]
        if self.keep_logits:
            add_part(self.logits, Part(values, *axes))
            return
        if self.logits is not None:
            add_part(self.logits, Part(values[self.keep_classes].to(self.logits), *axes))
        self.parts.append((row, Part(values, *axes)))

    def complete(self, row: int) -> int:
        """Predicts the rows of pixels that no later row of windows touches.

        Returns:
            the first row of windows that is needed still; those above are forgotten.
        """
        ready = [pixel for pixel, last in enumerate(self.last) if last == row]  # consecutive,
        if ready:  # since windows come in order
            self._predict(slice(ready[0], ready[-1] + 1))
        waiting = zip(self.first, self.last, strict=True)
        needed = min((first for first, last in waiting if last > row), default=row + 1)
        self.parts = [(r, part) for r, part in self.parts if r >= needed]
        return needed

    def _predict(self, rows: slice) -> None:
        parts = [part for _, part in self.parts]
        if self.keep_logits:
            maps = self.logits[:, rows]
            self.best[rows] = maps.argmax(dim=0) if self.decide is None else self.decide(maps)
        elif self.decide is None:
            self.best[rows] = argmax_rows(parts, rows)
        else:
            for band, maps in sum_rows(parts, rows):
                self.best[band] = self.decide(maps)

    def result(self) -> Result:
        """The picture's prediction; all rows of windows must be complete."""
        return Result(self.best, self.logits)


def padded_to(smallest: int, images: Tensor, metas: Sequence[dict]) -> tuple[Tensor, list[dict]]:
    """Pads pictures that are too small for a network, and says so in their metainfo.

    Args:
        smallest: pixels of a side that the network needs, its largest stride.
        images: (B, 3, H, W).
        metas: as for :func:`predict_maps`.
    """
    below, beside = (max(smallest - side, 0) for side in images.shape[2:])
    if not below and not beside:
        return images, list(metas)
    padded = []
    for meta in metas:
        left, right, top, bottom = _padding(meta)
        padded.append({**meta, 'img_padding_size': (left, right + beside, top, bottom + below)})
    return F.pad(images, (0, beside, 0, below)), padded


def _padding(meta: dict) -> tuple[int, ...]:
    """Left, right, top, bottom."""
    return tuple(map(int, meta.get('img_padding_size', meta.get('padding_size', (0, 0, 0, 0)))))


class _Restoration(NamedTuple):
    """How one axis goes from the network's input to the disk."""

    inside: slice
    flip: bool
    size: int


def _restorations(size: tuple[int, int], meta: dict) -> Iterator[_Restoration]:
    """Of the rows, then of the columns."""
    left, right, top, bottom = _padding(meta)
    insides = slice(top, size[0] - bottom), slice(left, size[1] - right)
    flipped = meta.get('flip_direction', 'horizontal') if meta.get('flip') else None
    disk = meta.get('ori_shape', [inside.stop - inside.start for inside in insides])
    yield _Restoration(insides[0], flipped == 'vertical', disk[0])
    yield _Restoration(insides[1], flipped == 'horizontal', disk[1])


def _axis_matrices(
    inputs: int,
    length: int,
    places: list[slice],
    restoration: _Restoration,
    divisor: int,
) -> list[AxisMatrix]:
    """For each window (disk size, inputs) float64, on the CPU: its share in the picture on disk."""
    window = places[0].stop - places[0].start
    upsampling = bilinear_matrix(inputs, window + -window % divisor)[:window]
    count = torch.zeros(length, 1, dtype=torch.float64)
    for place in places:
        count[place] += 1
    matrices = []
    for place in places:
        matrix = upsampling.new_zeros(length, inputs)
        matrix[place] = upsampling / count[place]
        matrix = matrix[restoration.inside]
        matrix = matrix.flip(0) if restoration.flip else matrix
        matrices.append(axis_matrix(resize_rows(matrix, restoration.size)))
    return matrices
