"""Published weights that leave out a frozen text tower which the package has anyway."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

_ASSETS = Path(__file__).resolve().parent.parent / 'assets'
_WEIGHTS = 'open_clip_model.safetensors'
_TOWER = 'prompter.text_encoder.'
_PLAIN = ('token_embedding.', 'positional_embedding', 'ln_final.', 'text_projection')
_BLOCKS = 'transformer.resblocks.'


def packaged_text(name: Any) -> dict[str, Tensor]:
    """The text tower of a packaged CLIP in float32, by the names that a model has.

    Args:
        name: Of a folder of the package such as `scenes_clip`.

    Returns:
        Empty where the package has no such CLIP.
    """
    path = _ASSETS / str(name) / _WEIGHTS
    if not isinstance(name, str) or not name.isidentifier() or not path.is_file():
        return {}
    tower = {}
    for key, value in load_file(path).items():
        if key.startswith(_BLOCKS):
            tower[f'{_TOWER}blocks.{key.removeprefix(_BLOCKS)}'] = value.float()
        elif key.startswith(_PLAIN):
            tower[_TOWER + key] = value.float()
    return tower


def without_packaged_text(state: dict[str, Tensor], name: Any) -> dict[str, Tensor]:
    """The weights that :func:`packaged_text` does not give back bit by bit.

    Args:
        state: A model's weights.
        name: As for :func:`packaged_text`.
    """
    tower = packaged_text(name)
    return {
        key: value
        for key, value in state.items()
        if key not in tower or not torch.equal(tower[key], value)
    }
