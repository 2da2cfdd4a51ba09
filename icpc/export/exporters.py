"""Writes a model's graph: by torch.export (.pt2), and to ONNX by torch's dynamo exporter."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from ..errors import UserError
from ..tracing.exporting import exporting
from .about import KEY
from .one_graph import OneGraph

SUFFIX = {'torch': '.pt2', 'onnx': '.onnx'}
_NEEDED = {'torch': (), 'onnx': ('onnx', 'onnxscript', 'onnxruntime')}
_OPSET = 18  # which every onnxruntime since 1.14 reads
_MOST = 2**31 - 2**20  # bytes of a protocol buffer, with room for what is no weight
_NOISY = ('torch.onnx', 'torch.export', 'torch.fx', 'torch._dynamo', 'onnxscript', 'onnx_ir')
_LARGEST = 4096  # pixels of a side of dynamic size, our choice


def check_installed(kind: str) -> None:
    """Raises UserError where the libraries of a format are missing."""
    missing = [name for name in _NEEDED[kind] if find_spec(name) is None]
    if missing:
        raise UserError(
            f'--format {kind} needs {", ".join(missing)}; install them with pip install '
            "'icpc[export]'"
        )


def captured(graph: OneGraph, size: tuple[int, int] | None) -> torch.export.ExportedProgram:
    """A graph for any number of pictures.

    Args:
        graph: the model.
        size: (H, W) of the pictures; None for sides that are any multiple of ``graph.multiple``
            from twice that on, up to 4096 pixels.

    Raises:
        UserError: the model, or the size, cannot be written into a graph.
    """
    if size is not None and min(size) < graph.least:
        raise UserError(
            f'--size {size[0]},{size[1]}: the largest stride of this model is {graph.least} '
            'pixels, so that no side may be below it'
        )
    batch = torch.export.Dim('batch')
    step = graph.multiple
    dynamic = {0: batch}
    if size is None:
        most = max(_LARGEST // step, 8)
        for axis, name in ((2, 'rows'), (3, 'columns')):
            dynamic[axis] = step * torch.export.Dim(name, min=2, max=most)
        size = 3 * step, 5 * step
    example = torch.zeros(2, 3, *size)  # two: one would be taken for a constant
    with _quiet(), _naming(graph, len(dynamic) > 1), torch.no_grad(), exporting():
        program = torch.export.export(graph, (example,), dynamic_shapes=(dynamic,), strict=False)
    return _without_unused(program)


def write_torch(program: torch.export.ExportedProgram, path: Path, about: str) -> None:
    """Writes a ``.pt2`` file; ``about`` is its extra file ``icpc``."""
    with _quiet(), path.open('wb') as file:
        torch.export.save(program, file, extra_files={KEY: about})


def write_onnx(program: torch.export.ExportedProgram, path: Path, about: str) -> None:
    """Writes an ONNX file; ``about`` is in its metadata under ``icpc``.

    Raises:
        UserError: an operation that ONNX does not have, or more than a file holds.
    """
    size = sum(value.nbytes for value in program.state_dict.values())
    if size > _MOST:
        raise UserError(
            f'the weights take {size / 2**30:.1f} GiB, but one ONNX file holds 2 GiB at most; '
            'take --format torch'
        )
    with _quiet(), _naming(None, False):
        written = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            opset_version=_OPSET,
            input_names=['pictures'],
            output_names=['logits', 'labels'],
        )
        model = written.model_proto
        model.producer_name = 'icpc'
        entry = model.metadata_props.add()
        entry.key, entry.value = KEY, about
        for value in (*model.graph.input, *model.graph.output):
            _name_axes(value)
        path.write_bytes(model.SerializeToString())


def _name_axes(value: object) -> None:
    """Symbols of an input or output by what they are, as tools show them."""
    axes = value.type.tensor_type.shape.dim
    names = ('batch', 'height', 'width') if len(axes) == 3 else ('batch', '', 'height', 'width')
    for axis, name in zip(axes, names, strict=True):
        if axis.HasField('dim_param'):
            axis.dim_param = name


def _without_unused(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Leaves out weights that nothing reads, such as those of text that is a constant by now."""
    signature = program.graph_signature
    unused = {
        node.name: node
        for node in program.graph.nodes
        if node.op == 'placeholder' and not node.users
    }
    kept = []
    for spec in signature.input_specs:
        name = spec.arg.name
        if name in unused and spec.target is not None:
            program.graph.erase_node(unused[name])
            program.state_dict.pop(spec.target, None)
            program.constants.pop(spec.target, None)
        else:
            kept.append(spec)
    signature.input_specs[:] = kept
    program.graph_module.recompile()
    return program


@contextmanager
def _naming(graph: nn.Module | None, dynamic: bool) -> Iterator[None]:
    """Turns what the exporter raises into one message that names the part where it stood."""
    inside: list[str] = []
    names = {} if graph is None else {id(module): n for n, module in graph.named_modules()}

    def enter(module: nn.Module, _: object) -> None:
        inside.append(f'{names.get(id(module), "?")} ({type(module).__name__})')

    def leave(module: nn.Module, _: object, __: object) -> None:
        inside.pop()

    hooks = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        yield
    except (UserError, KeyboardInterrupt, OSError, MemoryError):
        raise
    except Exception as error:
        where = inside[-1] if inside else 'the model'
        reason = ' '.join(str(error).split('\n\n')[0].split())[:500]
        fix = '; give one size: --size H,W' if dynamic else ''
        raise UserError(
            f'{where} cannot be exported{fix} ({type(error).__name__}: {reason})'
        ) from error
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of the exporters."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    fast = torch.backends.mha.get_fastpath_enabled()  # a fused operation that no graph holds
    torch.backends.mha.set_fastpath_enabled(False)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
