"""From a model to a file that runs without icpc, and was compared with it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor, nn

from ..errors import UserError
from ..files import put_in_place
from .about import about
from .exporters import SUFFIX, captured, check_installed, write_onnx, write_torch
from .one_graph import OneGraph
from .parity import LEAST_EQUAL, Parity, compare, onnx_runner, scene_batches, torch_runner

TOLERANCE = 1e-3  # our choice: rounding of two libraries leaves about 1e-5 of the largest logit
_WRITE: dict[str, tuple[Callable, Callable]] = {
    'torch': (write_torch, torch_runner),
    'onnx': (write_onnx, onnx_runner),
}


def export_model(
    model: nn.Module,
    path: Path,
    kind: str,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    source: str = '',
    size: tuple[int, int] | None = None,
    tolerance: float = TOLERANCE,
    batches: Sequence[Tensor] = (),
) -> Parity:
    """Writes a file, and compares it with the model before it takes its place.

    Pictures go in as they are, whole: ``test_cfg.mode='slide'`` is not in the file.

    Args:
        model: a built segmentor in evaluation mode; it stays as it is.
        path: of the file; one that is there is replaced only if the new one holds.
        kind: ``'torch'`` or ``'onnx'``.
        classes: K names, in label order.
        palette: K colours (R, G, B), 0 .. 255.
        source: where the model came from; goes into the file.
        size: (H, W) of the pictures, any; None for a file that takes every multiple of the stride.
        tolerance: the largest difference of logits that is accepted, as a share of the largest
            logit where that is above 1.
        batches: RGB pictures (B, 3, H, W), 0 .. 255, to compare on; by default embedded scenes, of
            several sizes if the file takes these.

    Returns:
        How far the file is from the model.

    Raises:
        UserError: the model cannot be written, or the file is too far from it and was removed.
    """
    if kind not in SUFFIX:
        raise UserError(f'--format must be one of {", ".join(SUFFIX)}, got {kind!r}')
    check_installed(kind)
    if not path.parent.is_dir():
        raise UserError(f'{path.parent} is no folder; make it, or choose another --out')
    graph = OneGraph(model)
    write, runner = _WRITE[kind]
    program = captured(graph, size)
    with put_in_place(path) as temporary:
        write(program, temporary, about(graph, classes, palette, source, size))
        found = compare(model, runner(temporary), batches or scene_batches(_shapes(graph, size)))
        if not found.holds(tolerance):
            raise UserError(
                f'{path} was not written, it differs from the model: {found}; at most '
                f'{tolerance * max(1, found.largest):.1e} and at least {100 * LEAST_EQUAL} % were '
                'asked for. A larger --tolerance accepts more of the first, not of the second'
            )
    return found


def _shapes(graph: OneGraph, size: tuple[int, int] | None) -> list[tuple[int, int, int]]:
    """(B, H, W) of what is compared: other batches and sizes than the graph was made with."""
    if size is not None:
        return [(1, *size), (3, *size)]
    step = graph.multiple
    sides = max(2, 128 // step), max(3, 192 // step)
    return [(1, sides[0] * step, sides[1] * step), (3, sides[1] * step, sides[0] * step)]
