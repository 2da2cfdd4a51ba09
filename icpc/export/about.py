"""What a file says of itself: classes, colours, layout of the input and the outputs."""

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from torch import Tensor

from .one_graph import OneGraph

KEY = 'icpc'  # of ONNX's metadata_props, and the name of torch.export's extra file


def about(
    graph: OneGraph,
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    source: str,
    size: tuple[int, int] | None,
) -> str:
    """JSON that goes into the file.

    Args:
        graph: what is written.
        classes: K names, in label order.
        palette: K colours (R, G, B), 0 .. 255.
        source: where the model came from.
        size: (H, W) of the pictures; None for any multiple of ``graph.multiple``.
    """
    layout = 'float32 (batch, 3, height, width), RGB, 0 .. 255; normalised in the graph'
    return json.dumps(
        dict(
            format_version=1,
            icpc_version=_version(),
            source=source,
            classes=list(classes),
            palette=[list(map(int, colour)) for colour in palette],
            input=dict(name='pictures', layout=layout, **_sizes(graph, size)),
            outputs=dict(
                logits='float32 (batch, classes, height, width); softmax over classes: probability',
                labels='int64 (batch, height, width), index into classes',
            ),
            normalisation=dict(
                in_graph=True, mean_rgb=_numbers(graph.mean), std_rgb=_numbers(graph.std)
            ),
        )
    )


def _sizes(graph: OneGraph, size: tuple[int, int] | None) -> dict:
    if size is not None:
        return dict(height=size[0], width=size[1])
    return dict(height='dynamic', width='dynamic', multiple_of=graph.multiple)


def _numbers(values: Tensor) -> list[float]:
    return values.flatten().tolist()


def _version() -> str:
    try:
        return version('icpc')
    except PackageNotFoundError:
        return 'unknown'
