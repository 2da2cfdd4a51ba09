"""Putting a checkpoint's weights into a model: all of them, or what fits for fine-tuning."""

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..console.messages import say
from ..errors import UserError
from ..parts import HasTrainingParts, ReadsPublishedWeights, class_names_of
from .content import refuse_no_tensors
from .partial import Partial

_LISTED = 4  # names in a message
_PARTIAL = (
    'load_from_partial=True takes what fits, the entries of classes by their names, and lists the '
    'rest, which keeps its initial values'
)


def load_weights(
    model: nn.Module,
    checkpoint: dict[str, Any],
    source: str | Path,
    fine_tunes: bool = False,
    partial: bool = False,
) -> None:
    """Load a checkpoint's weights; every key must fit, and the classes must be the same.

    Names of wrappers (`module.`, `_orig_mod.`) are taken off, and said; so are published names that
    the model reads.

    Args:
        model: The model.
        checkpoint: What `load_checkpoint` gave.
        source: Its path, for messages.
        fine_tunes: Whether the model begins a training of its own, which may take less.
        partial: Take what fits, classes by their names, and list the rest, which keeps its initial
            values (`load_from_partial`).

    Raises:
        UserError: With the missing, the unexpected and the misshapen keys; or where the model has
            other classes than the checkpoint, or the same in another order. With `partial`:
            nothing fits.
    """
    own, bare = model.state_dict(), checkpoint.get('state_dict', checkpoint)
    try:
        refuse_no_tensors(bare)
    except ValueError as error:
        raise UserError(f'{source}: no checkpoint, {error}') from error
    state = _without_wrappers(bare, own, source)
    if isinstance(model, ReadsPublishedWeights):
        bare = {key.removeprefix('module.'): value for key, value in state.items()}
        published = model.of_published(bare)
        if published is not None:
            read, held = len(published), len(state)
            say(f'note: {source}: published names; {read} of its {held} tensors are read')
            state = published
    if isinstance(model, HasTrainingParts):
        state = _without_training_parts(model, state, own, source, fine_tunes)
    trained, names = trained_classes(checkpoint), _stripped(class_names_of(model))
    if partial:
        _load_what_fits(model, state, trained, names, source)
        return
    _check_classes(trained, names, source, fine_tunes)
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    told = [
        f'{key} {tuple(state[key].shape)} in the file, {tuple(own[key].shape)} in the model'
        for key in sorted(own.keys() & state.keys())
        if own[key].shape != state[key].shape
    ]
    faults = (('missing', missing), ('not in the model', unexpected), ('other shape', told))
    text = '; '.join(f'{len(keys)} {name}: {_some(keys)}' for name, keys in faults if keys)
    if text:
        advice = f'; {_PARTIAL}' if fine_tunes else ''
        raise UserError(f'{source} does not fit the model of the config: {text}{advice}')
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


def _without_training_parts(
    model: HasTrainingParts,
    state: dict[str, Tensor],
    own: dict[str, Tensor],
    source: str | Path,
    fine_tunes: bool,
) -> dict[str, Tensor]:
    """The weights without what served another training alone; what serves this one begins anew."""

    def only_in(keys: Iterable[str], others: Container[str]) -> list[str]:
        parts = model.training_parts
        return sorted(k for k in keys if k not in others and k.partition('.')[0] in parts)

    dropped, added = only_in(state, own), only_in(own, state) if fine_tunes else []
    for keys, words in (
        (dropped, 'are left out: they served a training, and this model has no such part'),
        (added, 'are not in it: they begin with their initial values'),
    ):
        if keys:
            say(f'note: {source}: {len(keys)} tensors ({_some(keys)}) {words}')
    kept = {key: value for key, value in state.items() if key not in dropped}
    return kept | {key: own[key] for key in added}


def _load_what_fits(
    model: nn.Module,
    state: dict[str, Tensor],
    trained: list[str],
    names: list[str],
    source: str | Path,
) -> None:
    fitting = Partial(model, state, trained, names)
    if not fitting.taken:
        raise UserError(
            f'{source}: load_from_partial=True, but nothing of it fits the model of the config: it '
            f'has {_some(sorted(state))}; the model has {_some(sorted(model.state_dict()))}'
        )
    say(f'{source}: {fitting.taken} of {len(fitting.state)} tensors of the model are taken')
    for line in fitting.lines():
        say(line)
    model.load_state_dict(fitting.state)


def trained_classes(checkpoint: dict[str, Any]) -> list[str]:
    """The classes that a checkpoint was trained on, without outer spaces; empty if not recorded.

    Args:
        checkpoint: What `load_checkpoint` gave.
    """
    return _stripped(checkpoint.get('classes') or (checkpoint.get('meta') or {}).get('classes'))


def _stripped(names: Sequence[str] | None) -> list[str]:
    return [str(name).strip() for name in names or ()]


def _check_classes(
    trained: list[str], names: list[str], source: str | Path, fine_tunes: bool
) -> None:
    """Raise for other classes, or the same in another order: a channel would mean another class."""
    if not trained or not names or trained == names:
        return
    pairs = zip(trained, names, strict=False)
    differing = next((pair for pair in pairs if pair[0] != pair[1]), None)
    first = differing and f'{differing[0]!r} there is {differing[1]!r} here'
    advice = f'; {_PARTIAL}' if fine_tunes else ''
    if sorted(trained) == sorted(names):
        raise UserError(
            f'{source} was trained with the same classes in another order: {first}; give '
            f'classes=[...] in the order of the training{advice}'
        )
    advice = advice or (
        ', or train on with load_from and load_from_partial=True, which fine-tunes on other classes'
    )
    first = first or f'{len(trained)} there, {len(names)} here'
    raise UserError(
        f'{source} was trained with other class names: {first}; give classes=[...] as in the '
        f'training{advice}'
    )


def _some(keys: list[str]) -> str:
    return ', '.join(keys[:_LISTED]) + (', ...' if len(keys) > _LISTED else '')
