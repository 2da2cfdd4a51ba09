"""Parameters and multiply-adds of a model, part by part."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from ..config.load import load_config
from ..errors import UserError
from .flop_rules import flop_counter

TEXT = 'text encoder'
CONVENTION = (
    'one image; multiply-adds of convolutions, linear layers and matrix products, attention '
    'included; batch norm 2, other norms 5, nearest 1, bilinear 4 per element (fvcore); '
    'totals leave the text encoder out (DenseCLIP); transposed convolutions over their {} size'
)


@dataclass(frozen=True)
class Complexity:
    """What a model costs; the text encoder is a part of its own that the totals leave out.

    Attributes:
        parameters: The number of parameters of each part.
        trainable: The number of those that are trained.
        multiply_adds: The multiply-adds of each part for one image.
    """

    parameters: dict[str, int]
    trainable: dict[str, int]
    multiply_adds: dict[str, int]

    def total(self, counts: dict[str, int]) -> int:
        """The sum over all parts but the text encoder."""
        return sum(count for part, count in counts.items() if part != TEXT)


@torch.no_grad()
def measure(model: nn.Module, size: tuple[int, int], transposed: str = 'input') -> Complexity:
    """Count a model on one image without computing it (on torch's meta device).

    Args:
        model: A `CLIPSegmentor`; it is moved to the meta device, its weights are lost.
        size: (H, W) in pixels.
        transposed: As for :func:`flop_counter`.
    """
    parameters, trainable = Counter(), Counter()
    for name, parameter in model.named_parameters():
        part = TEXT if '.text_encoder.' in name else name.split('.')[0]
        parameters[part] += parameter.numel()
        trainable[part] += parameter.numel() * parameter.requires_grad
    model = model.eval().requires_grad_(False).to('meta')
    images = torch.zeros(1, 3, *size, device='meta')
    counters = {
        part: flop_counter(transposed) for part in ('backbone', 'prompter', 'neck', 'decode_head')
    }
    with counters['backbone']:
        features = model.backbone(images)
    with counters['prompter']:
        encoded = model.encode_text(features)
    with counters['neck']:
        decoder_inputs, _ = model.decoder_inputs(features, encoded)
    with counters['decode_head']:
        model.decode_head(decoder_inputs)
    flops = {part: counter.get_total_flops() for part, counter in counters.items()}
    flops[TEXT] = sum(
        sum(counts.values())
        for module, counts in counters['prompter'].get_flop_counts().items()
        if module.split('.')[-1] == 'text_encoder'
    )
    flops['prompter'] -= flops[TEXT]
    multiply_adds = {part: count // 2 for part, count in flops.items() if count}
    return Complexity(parameters, trainable, multiply_adds)


def print_complexity(
    config: str, overrides: Sequence[str], size: Sequence[int], transposed: str
) -> None:
    """Build a config's model without weights and print what it costs.

    Raises:
        UserError: For a bad config, override or size.
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
    print(complexity_table(measure(model, (height, width), transposed), transposed))


def complexity_table(complexity: Complexity, transposed: str) -> str:
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
