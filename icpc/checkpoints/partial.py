"""What of a checkpoint fits another model: whole tensors, and the entries of shared classes."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ..parts import HoldsClassTensors

Place = tuple[int, int]  # the dimension that counts classes, and where they begin in it


class Partial:
    """The weights that a model begins with, and what was done about each that is not simply taken.

    Args:
        model: The model.
        state: The checkpoint's tensors, by the model's names.
        trained: The checkpoint's classes; empty where it knows none.
        names: The model's classes; empty where it knows none.

    Attributes:
        state: The model's keys; what does not fit has the model's initial values.
        taken: How many were taken, whole or in part.
        left_out: Key -> why it was not taken.
        by_name: Keys of which the shared classes' entries were taken.
        shared: Names that both know, in the model's order.
    """

    def __init__(
        self,
        model: nn.Module,
        state: dict[str, Tensor],
        trained: Sequence[str],
        names: Sequence[str],
    ) -> None:
        own = model.state_dict()
        self.state: dict[str, Tensor] = {}
        self.left_out = dict.fromkeys(state.keys() - own.keys(), 'the model has no such part')
        self.by_name: list[str] = []
        self.shared = [name for name in names if name in trained]
        same = not trained or not names or list(trained) == list(names)
        places = {} if same else _class_places(model)
        for key, start in own.items():
            value, reason = state.get(key), None
            if value is None:
                reason = 'the file has no such tensor'
            elif key in places:
                value = _carried(_whole(start), value, places[key], trained, names)
                if value is None:
                    reason = f'the entries of classes do not fit, {_shapes(state[key], start)}'
                elif not self.shared:
                    value, reason = None, 'it has an entry for each class, and none is shared'
                else:
                    self.by_name.append(key)
            elif value.shape != start.shape:
                value, reason = None, _shapes(value, start)
            if value is None:
                self.left_out[key] = reason
            self.state[key] = _whole(start) if value is None else value
        self.taken = len(own.keys() & state.keys() - self.left_out.keys())

    def lines(self) -> list[str]:
        """What to say of it."""
        lines = []
        if self.by_name:
            lines.append(
                f'the entries of {len(self.shared)} shared classes ({", ".join(self.shared)}) '
                f'are taken by name in: {", ".join(self.by_name)}'
            )
        reasons: dict[str, list[str]] = defaultdict(list)
        for key in sorted(self.left_out):
            reasons[self.left_out[key]].append(key)
        lines += [f'not taken, {reason}: {", ".join(keys)}' for reason, keys in reasons.items()]
        return lines


def _class_places(model: nn.Module) -> dict[str, Place]:
    """Where the model's tensors count classes, as its modules say; else its heads' classifiers."""
    places: dict[str, Place] = {}
    for prefix, module in model.named_modules():
        found: dict[str, Place] = {}
        if isinstance(module, HoldsClassTensors):
            found = dict(module.class_tensors())
        elif isinstance(module, BaseDecodeHead) and isinstance(
            getattr(module, 'conv_seg', None), nn.Module
        ):
            found = {f'conv_seg.{key}': (0, 0) for key in module.conv_seg.state_dict()}
        places |= {f'{prefix}.{key}' if prefix else key: place for key, place in found.items()}
    return places


def _carried(
    start: Tensor, value: Tensor, place: Place, trained: Sequence[str], names: Sequence[str]
) -> Tensor | None:
    """The initial values with all that both have; None where the sizes are not those of classes."""
    dim, first = place
    if value.dim() != start.dim() or dim >= start.dim():
        return None
    expected = list(start.shape)
    expected[dim] += len(trained) - len(names)
    if list(value.shape) != expected or start.shape[dim] < first + len(names):
        return None
    before = torch.arange(first)
    behind = start.shape[dim] - first - len(names)
    shared = [name for name in names if name in trained]
    new = torch.tensor([names.index(name) for name in shared], dtype=torch.long)
    old = torch.tensor([trained.index(name) for name in shared], dtype=torch.long)
    ends = torch.arange(behind)
    to = torch.cat([before, first + new, first + len(names) + ends]).to(start.device)
    source = torch.cat([before, first + old, first + len(trained) + ends]).to(value.device)
    picked = value.index_select(dim, source).to(start)
    return start.index_copy(dim, to, picked)


def _whole(value: Tensor) -> Tensor:
    """A copy, gathered where FSDP has split it."""
    return (value.full_tensor() if hasattr(value, 'full_tensor') else value).detach().clone()


def _shapes(value: Tensor, start: Tensor) -> str:
    return f'shape {tuple(value.shape)} in the file, {tuple(start.shape)} in the model'
