"""Putting a checkpoint's weights into a model: all of them, or what fits for fine-tuning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..console.messages import say
from ..errors import UserError
from ..parts import class_names_of
from .content import refuse_no_tensors

_LISTED = 4  # names in a message


def load_weights(
    model: nn.Module, checkpoint: dict[str, Any], source: str | Path, fine_tunes: bool = False
) -> None:
    """Load a checkpoint's weights; every key must fit, and the classes must be the same.

    Names of wrappers (`module.`, `_orig_mod.`) are taken off, and said.

    Args:
        model: The model.
        checkpoint: What `load_checkpoint` gave.
        source: Its path, for messages.
        fine_tunes: Whether the model begins a training of its own: where it was trained on other
            classes, what does not fit stays at its start, and is listed.

    Raises:
        UserError: With the missing, the unexpected and the misshapen keys; or where the model has
            other classes than the checkpoint, or the same in another order.
    """
    own, bare = model.state_dict(), checkpoint.get('state_dict', checkpoint)
    try:
        refuse_no_tensors(bare)
    except ValueError as error:
        raise UserError(f'{source}: no checkpoint, {error}') from error
    state = _without_wrappers(bare, own, source)
    others = _other_classes(class_names_of(model), checkpoint, source)
    if others is not None and not fine_tunes:
        raise UserError(
            f'{source} was trained with other class names: {others}; give classes=[...] as in the '
            'training, or train on with load_from, which fine-tunes on other classes'
        )
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [
        key for key in sorted(own.keys() & state.keys()) if own[key].shape != state[key].shape
    ]
    if others is not None and fine_tunes:
        say(f'note: {source} was trained on other classes: {others}')
        if shapes:
            say(f'these keep their initial values, the file has other shapes: {", ".join(shapes)}')
        state = {**state, **{key: own[key] for key in shapes}}
        shapes = []
    told = [
        f'{key} {tuple(state[key].shape)} in the file, {tuple(own[key].shape)} in the model'
        for key in shapes
    ]
    faults = (('missing', missing), ('not in the model', unexpected), ('other shape', told))
    text = '; '.join(f'{len(keys)} {name}: {_some(keys)}' for name, keys in faults if keys)
    if text:
        raise UserError(f'{source} does not fit the model of the config: {text}')
    model.load_state_dict(state)


def _without_wrappers(
    state: dict[str, Tensor], own: dict[str, Tensor], source: str | Path
) -> dict[str, Tensor]:
    """The weights by the model's names: without what DDP and torch.compile put into them."""
    renamed = {}
    for key in state.keys() - own.keys():
        compiled = key.replace('_orig_mod.', '')
        for bare in (compiled, compiled.removeprefix('module.')):
            if bare in own and bare not in state:
                renamed[key] = bare
    if renamed:
        example = min(renamed)
        say(
            f'note: {source}: {len(renamed)} names such as {example} are read as {renamed[example]}'
        )
    return {renamed.get(key, key): value for key, value in state.items()}


def _other_classes(
    names: Sequence[str], checkpoint: dict[str, Any], source: str | Path
) -> str | None:
    """How the checkpoint's classes differ from the model's; None where they are the same.

    Raises:
        UserError: They are the same in another order: each channel would mean another class.
    """
    trained = checkpoint.get('classes') or (checkpoint.get('meta') or {}).get('classes')
    trained, names = ([str(name).strip() for name in part or ()] for part in (trained, names))
    if not trained or not names or trained == names:
        return None
    pairs = zip(trained, names, strict=False)
    differing = next((pair for pair in pairs if pair[0] != pair[1]), None)
    first = differing and f'{differing[0]!r} there is {differing[1]!r} here'
    if sorted(trained) == sorted(names):
        raise UserError(
            f'{source} was trained with the same classes in another order: {first}; give '
            'classes=[...] in the order of the training'
        )
    return first or f'{len(trained)} there, {len(names)} here'


def _some(keys: list[str]) -> str:
    return ', '.join(keys[:_LISTED]) + (', ...' if len(keys) > _LISTED else '')
