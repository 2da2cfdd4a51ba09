"""Comparing our model with recorded inputs, weights and outputs of the published one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..clip.text.vocabulary import END, START
from ..errors import UserError
from ..foreign_files.arrays import NotPlainArrays, read_arrays
from .published_model import Unrecorded, build_published_model, depth_of, is_vit

TOLERANCE = 2e-5  # of every recorded tensor, float32
_INPUTS = ('input', 'class_names', 'token_rows/ids', 'token_rows/values')
_OUTPUTS = (
    'token_ids',
    'stage0',
    'stage1',
    'stage2',
    'stage3',
    'pooled',
    'dense',
    'text_static',
    'text_refined',
    'score_map',
    'logits',
)


@dataclass(frozen=True)
class Reference:
    """One file of reference values.

    Attributes:
        state: published names -> weights.
        token_rows: ids (R,) and rows (R, W) of the token embedding.
        class_names: K names.
        images: (B, 3, H, W), normalised.
        outputs: recorded tensors by name.
    """

    state: dict[str, Tensor]
    token_rows: tuple[Tensor, Tensor]
    class_names: list[str]
    images: Tensor
    outputs: dict[str, Tensor]


def read_reference(path: str | Path) -> Reference:
    """Reads a file of reference values; nothing in it is executed.

    Raises:
        UserError: no such file, or one that lacks a part.
    """
    if not Path(path).is_file():
        raise UserError(f'{path}: no such file')
    try:
        arrays = read_arrays(Path(path))
    except NotPlainArrays as error:
        raise UserError(f'{path}: refused, it must hold plain arrays alone: {error}') from error
    missing = [name for name in (*_INPUTS, *_OUTPUTS) if name not in arrays]
    if missing:
        raise UserError(f'{path} is no file of reference values: {", ".join(missing)} missing')
    names = [str(name) for name in arrays.pop('class_names')]
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    return Reference(
        state={n[len('state/') :]: v for n, v in tensors.items() if n.startswith('state/')},
        token_rows=(tensors['token_rows/ids'], tensors['token_rows/values']),
        class_names=names,
        images=tensors['input'],
        outputs={name: tensors[name] for name in _OUTPUTS},
    )


@torch.no_grad()
def compute_outputs(model: nn.Module, images: Tensor, length: int) -> dict[str, Tensor]:
    """Our values of all recorded tensors, by their names; ``length`` columns of token ids."""
    features = model.backbone(images)
    text = model.prompter(features)
    pyramid, score_maps = model.neck(features, text)
    logits = nn.functional.interpolate(
        model.decode_head(pyramid), size=images.shape[2:], mode='bilinear', align_corners=False
    )
    stages = {f'stage{index}': stage for index, stage in enumerate(features.pyramid)}
    return stages | dict(
        token_ids=_token_ids(model.prompter.pre.names.tokens, length),
        pooled=features.pooled,
        dense=features.dense,
        text_static=model.prompter.static_text(),
        text_refined=text,
        score_map=score_maps[0],
        logits=logits,
    )


def max_error(ours: Tensor, recorded: Tensor) -> float:
    """The largest absolute difference; infinite for another shape or a nan."""
    if ours.shape != recorded.shape:
        return float('inf')
    return float((ours.double() - recorded.double()).abs().nan_to_num(nan=float('inf')).max())


def check(
    reference: Reference, known: Mapping[str, object] | None = None
) -> tuple[Unrecorded, dict[str, float]]:
    """Rebuilds the model and compares every recorded tensor.

    Heads and taps do not show in the shapes of weights. What is not ``known`` is looked for: the
    published value first, then every other that fits the width, until the recorded tensor that
    depends on it is reproduced to ``TOLERANCE``; failing that, the nearest one counts.

    Args:
        reference: the recorded values.
        known: fields of :class:`Unrecorded`.

    Returns:
        what the shapes do not tell, and the max abs error of each recorded tensor.
    """
    known = dict(known or {})
    chosen = replace(Unrecorded.published(reference.state), **known)
    state = reference.state
    tower = 'conv1.weight' if is_vit(state) else 'attnpool.k_proj.weight'
    for field, output, width in (
        ('image_heads', 'dense', f'backbone.{tower}'),
        ('text_heads', 'text_static', 'text_encoder.ln_final.weight'),
        ('decoder_heads', 'text_refined', 'context_decoder.text_proj.1.weight'),
    ):
        if field not in known:
            chosen = _fit_heads(reference, chosen, field, output, len(state[width]))
    if is_vit(state) and 'taps' not in known:
        chosen = _fit_taps(reference, chosen)
    return chosen, _errors(reference, chosen)


def _errors(reference: Reference, chosen: Unrecorded) -> dict[str, float]:
    try:
        model = build_published_model(
            reference.state, reference.token_rows, reference.class_names, chosen
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    ours = compute_outputs(model, reference.images, reference.outputs['token_ids'].shape[1])
    return {name: max_error(ours[name], value) for name, value in reference.outputs.items()}


def _fit_heads(
    reference: Reference, chosen: Unrecorded, field: str, output: str, width: int
) -> Unrecorded:
    first = getattr(chosen, field)
    divisors = [heads for heads in range(1, width + 1) if width % heads == 0]
    errors = {}
    for heads in sorted(divisors, key=lambda heads: heads != first):
        errors[heads] = _errors(reference, replace(chosen, **{field: heads}))[output]
        if errors[heads] < TOLERANCE:
            break
    return replace(chosen, **{field: min(errors, key=errors.get)})


def _fit_taps(reference: Reference, chosen: Unrecorded) -> Unrecorded:
    """For each pyramid level the block whose output reproduces it best."""
    stages = [f'stage{index}' for index in range(4)]
    errors = _errors(reference, chosen)
    if max(errors[stage] for stage in stages) < TOLERANCE:
        return chosen
    single = [
        _errors(reference, replace(chosen, taps=(block,) * 4))
        for block in range(depth_of(reference.state))
    ]
    taps = (min(range(len(single)), key=lambda block: single[block][stage]) for stage in stages)
    return replace(chosen, taps=tuple(sorted(taps)))


def _token_ids(tokens: tuple[tuple[int, ...], ...], length: int) -> Tensor:
    """(K, length): start, name, end, zeros."""
    rows = [[START, *name, END] for name in tokens]
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


def report(path: str | Path, known: Mapping[str, object] | None = None) -> float:
    """Prints the max abs error of every recorded tensor and returns the largest."""
    chosen, errors = check(read_reference(path), known)
    print('not in the file: ' + ', '.join(f'{k} {v}' for k, v in vars(chosen).items() if v))
    for name, error in errors.items():
        print(f'{name:<13} {error:.3e}')
    largest = max(errors.values())
    print(f'max abs error: {largest:.3e}')
    return largest
