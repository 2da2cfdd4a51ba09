"""Reading CLIP weights without executing what is in the file, and loading them strictly."""

import pickle
import zipfile
from pathlib import Path

import open_clip
import torch
from torch import Tensor, nn

from ..errors import did_you_mean
from ..foreign_files.torch_archives import check_archive, check_growth
from .torchscript_files import torchscript_weights

# Buffers and numbers that published files carry beside the parameters.
_NOT_WEIGHTS = {'input_resolution', 'context_length', 'vocab_size', 'attn_mask', 'text.attn_mask'}


def downloaded_weights(model: str, tag: str, quick_gelu: bool) -> Path:
    """Downloads (or finds in the cache) the weights of an open_clip tag.

    Raises:
        ValueError: unknown tag, or weights trained with another activation than the model's.
        FileNotFoundError: no way to download.
    """
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        raise ValueError(
            f'clip.pretrained={tag!r}: not a file, and not a tag of {model} '
            f'(known: {", ".join(tags) or "none"}){did_you_mean(tag, tags)}'
        )
    config = open_clip.get_pretrained_cfg(model, tag)
    _check_activation(f'the weights {tag!r}', bool(config.get('quick_gelu')), quick_gelu, model)
    try:
        return Path(open_clip.download_pretrained(config))
    except Exception as error:
        raise FileNotFoundError(
            f'the weights {tag!r} of {model} cannot be downloaded ({error}). '
            'Where there is no network, copy the file and set model.clip.pretrained=/path/to/it'
        ) from error


def _check_activation(what: str, trained: bool, built: bool, model: str | None) -> None:
    """Raises if weights and model differ in it; ``model`` is open_clip's name, if there is one."""
    if trained == built:
        return
    names = {True: 'QuickGELU', False: 'GELU'}
    bare = (model or '').removesuffix('-quickgelu')
    right = f'{bare}-quickgelu' if trained else bare
    raise ValueError(
        f'{what} were trained with {names[trained]}, but {model or "the model"} is built with '
        f'{names[built]}: the outputs would be silently wrong. '
        + (
            f'Set model.clip.model={right}'
            if right in open_clip.list_models()
            else f"Set quick_gelu to {str(trained).lower()} in the model's config"
        )
    )


def read_state_dict(path: str | Path) -> tuple[dict[str, Tensor], bool]:
    """Reads a state dict from an OpenAI archive, a ``.pt`` / ``.bin`` file or ``.safetensors``.

    Returns:
        The tensors, and whether the file is one of OpenAI's archives (trained with QuickGELU).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a file of weights, or one that holds more than plain tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no weights at {path}; give an existing file or an open_clip tag')
    try:
        if path.suffix == '.safetensors':
            from safetensors.torch import load_file

            return load_file(path), False
        if is_torchscript(path):
            state = torchscript_weights(path)
            check_growth(state, path)
            return state, True
        check_archive(path)
        state = torch.load(path, map_location='cpu', weights_only=True)
        check_growth(state, path)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{path} is refused: it is damaged, or it holds more than tensors, which could run '
            'code when unpickled; convert it to .safetensors where it comes from'
        ) from error
    except Exception as error:
        raise ValueError(f'{path} cannot be read as weights: {error}') from error
    for key in ('state_dict', 'model'):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    named = isinstance(state, dict) and all(isinstance(name, str) for name in state)
    if not named or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f'{path} is not a state dict (a mapping from names to tensors)')
    return {name.removeprefix('module.'): value for name, value in state.items()}, False


def is_torchscript(path: Path) -> bool:
    """Whether a file is one of OpenAI's archives."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith('constants.pkl') for name in archive.namelist())


def load_weights(clip: nn.Module, path: Path, parts: str = 'all', model: str | None = None) -> None:
    """Loads a file into a CLIP model; every weight must be there, and none too many.

    Args:
        clip: the model, changed in place.
        path: see :func:`read_state_dict`.
        parts: ``'all'``, ``'text'`` or ``'image'``.
        model: open_clip's name of the architecture, for the message about a wrong activation.

    Raises:
        ValueError: another activation, missing, unexpected or differently shaped weights.
    """
    state, openai = read_state_dict(path)
    if openai:
        _check_activation(f"OpenAI's weights {path}", True, _uses_quick_gelu(clip), model)
    if isinstance(clip, open_clip.CustomTextCLIP):
        state = _to_custom_text(state)
    state = {name: value for name, value in state.items() if name not in _NOT_WEIGHTS}
    own = clip.state_dict()
    own = {name: value for name, value in own.items() if name not in _NOT_WEIGHTS}
    problems = differences(own, state)
    if problems:
        raise ValueError(f'{path} does not fit the model: {"; ".join(problems)}')
    if parts != 'all':
        image = parts == 'image'
        state = {k: v for k, v in state.items() if k.startswith('visual.') == image}
    clip.load_state_dict(state, strict=False)  # differences has compared all names and shapes


def differences(own: dict[str, Tensor], state: dict[str, Tensor]) -> list[str]:
    problems = []
    for what, names in (('missing', own.keys() - state), ('unexpected', state.keys() - own)):
        if names:
            problems.append(f'{len(names)} {what} ({", ".join(sorted(names)[:4])} ...)')
    shapes = [
        f'{name} {tuple(state[name].shape)} instead of {tuple(value.shape)}'
        for name, value in own.items()
        if name in state and state[name].shape != value.shape
    ]
    if shapes:
        problems.append(f'{len(shapes)} of another shape ({", ".join(shapes[:4])} ...)')
    return problems


def _uses_quick_gelu(clip: nn.Module) -> bool:
    return any(isinstance(m, open_clip.transformer.QuickGELU) for m in clip.modules())


def _to_custom_text(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The flat names of ``CLIP`` as those of ``CustomTextCLIP``, whose text tower is a module."""
    text = (
        'transformer.',
        'positional_embedding',
        'token_embedding.',
        'ln_final.',
        'text_projection',
    )
    return {(f'text.{k}' if k.startswith(text) else k): v for k, v in state.items()}
