"""Parameters and multiply-adds of a model, part by part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from ..config.load import load_config
from ..errors import UserError
from .flop_rules import MultiplyAdds

TEXT = 'text encoder'
CONVENTION = (
    'one image; multiply-adds of convolutions, linear layers and matrix products, attention '
    'included; batch norm 2, other norms 5, nearest 1, bilinear 4 per element (fvcore); '
    'totals leave the text encoder out (DenseCLIP); transposed convolutions over their {} size'
)


@dataclass(frozen=True)
class Complexity:
    """What a model costs; the text encoder is a part of its own, left out of the totals.

    Attributes:
        parameters: part -> number of parameters.
        trainable: part -> those with a gradient.
        multiply_adds: part -> multiply-adds of one image.
    """

    parameters: dict[str, int]
    trainable: dict[str, int]
    multiply_adds: dict[str, int]

    def total(self, counts: dict[str, int]) -> int:
        """The sum over all parts but the text encoder."""
        return sum(count for part, count in counts.items() if part != TEXT)


@torch.no_grad()
def measure(model: nn.Module, size: tuple[int, int], transposed: str = 'input') -> Complexity:
    """Counts a model on one image, without computing it (on torch's meta device).

    Args:
        model: a ``CLIPSegmentor``; it is moved to the meta device, its weights are lost.
        size: (H, W) in pixels.
        transposed: see :class:`MultiplyAdds`.
    """
    names = {name: _part_of(name) for name, _ in model.named_parameters()}
    parts = dict.fromkeys([*names.values()])
    parameters, trainable = dict.fromkeys(parts, 0), dict.fromkeys(parts, 0)
    for name, parameter in model.named_parameters():
        parameters[names[name]] += parameter.numel()
        trainable[names[name]] += parameter.numel() * parameter.requires_grad
    model = model.eval().to('meta')
    counter = MultiplyAdds(transposed)
    text = getattr(model.prompter, 'text_encoder', None)
    if text is None:
        text = getattr(getattr(model.prompter, 'pre', None), 'text_encoder', None)
    images = torch.zeros(1, 3, *size, device='meta')
    with counter, _counted_as_text(text, counter):
        counter.part = 'backbone'
        features = model.backbone(images)
        counter.part = 'prompter'
        encoded = model.encode_text(features)
        counter.part = 'neck'
        decoder_inputs, _ = model.decoder_inputs(features, encoded)
        counter.part = 'decode_head'
        model.decode_head(decoder_inputs)
    return Complexity(parameters, trainable, counter.counts)


def _part_of(name: str) -> str:
    return TEXT if '.text_encoder.' in name else name.split('.')[0]


@contextmanager
def _counted_as_text(text: nn.Module | None, counter: MultiplyAdds) -> Iterator[None]:
    """Both ways through the text tower are counted under its own name."""
    methods = ('forward', 'encode_embeddings') if text is not None else ()

    def counted(method: Callable) -> Callable:
        def run(*args: object) -> object:
            outer, counter.part = counter.part, TEXT
            try:
                return method(*args)
            finally:
                counter.part = outer

        return run

    for name in methods:
        setattr(text, name, counted(getattr(text, name)))
    try:
        yield
    finally:
        for name in methods:
            delattr(text, name)


def print_complexity(
    config: str, overrides: Sequence[str], size: Sequence[int], transposed: str
) -> None:
    """Builds a config's model without weights and prints what it costs.

    Raises:
        UserError: a bad config, override or size.
    """
    if len(size) > 2 or min(size) < 1:
        raise UserError(f'--size takes a side, or height and width, in pixels; got {list(size)}')
    loaded = load_config(config, [*overrides, 'model.clip.pretrained=None'])
    init_default_scope('mmseg')
    try:
        model = MODELS.build(loaded.model)
    except ValueError as error:
        raise UserError(str(error)) from error
    height, width = size[0], size[-1]
    print(f'{config} at {height} x {width} pixels')
    print(report(measure(model, (height, width), transposed), transposed))


def report(complexity: Complexity, transposed: str) -> str:
    """A table of the parts and the totals, with the convention."""
    rows = [f'{"part":<14}{"params M":>10}{"trainable M":>13}{"multiply-adds G":>17}']
    for part in dict.fromkeys([*complexity.parameters, *complexity.multiply_adds]):
        rows.append(
            f'{part:<14}{complexity.parameters.get(part, 0) / 1e6:>10.3f}'
            f'{complexity.trainable.get(part, 0) / 1e6:>13.3f}'
            f'{complexity.multiply_adds.get(part, 0) / 1e9:>17.3f}'
        )
    totals = dict(
        text_params_M=complexity.parameters.get(TEXT, 0) / 1e6,
        text_multiply_adds_G=complexity.multiply_adds.get(TEXT, 0) / 1e9,
        trainable_params_M=complexity.total(complexity.trainable) / 1e6,
        params_M=complexity.total(complexity.parameters) / 1e6,
        multiply_adds_G=complexity.total(complexity.multiply_adds) / 1e9,
    )
    lines = [f'{name}: {value:.3f}' for name, value in totals.items()]
    return '\n'.join([CONVENTION.format(transposed), *rows, *lines])
