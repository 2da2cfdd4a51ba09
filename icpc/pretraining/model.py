"""The tiny CLIP of the scenes: its architecture and its files in open_clip's format."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from ..files import put_in_place

CONFIG_FILE, WEIGHTS_FILE = 'open_clip_config.json', 'open_clip_model.safetensors'

# Small enough for 8 MB in float16 with open_clip's own vocabulary; our choice.
MODEL_CFG: dict[str, Any] = {
    'embed_dim': 128,
    'vision_cfg': {'image_size': 64, 'layers': [1, 2, 2, 1], 'width': 16, 'patch_size': None},
    'text_cfg': {
        'context_length': 32, 'vocab_size': 49408, 'width': 48, 'heads': 3, 'layers': 2,
    },
}  # fmt: skip
PREPROCESS_CFG = {
    'mean': list(open_clip.OPENAI_DATASET_MEAN),
    'std': list(open_clip.OPENAI_DATASET_STD),
    'interpolation': 'bicubic',
    'resize_mode': 'shortest',
}


def build_clip(model_cfg: dict[str, Any] = MODEL_CFG) -> open_clip.CLIP:
    """Build open_clip's own model class with random weights."""
    return open_clip.CLIP(**model_cfg)


def save_clip(folder: Path, clip: open_clip.CLIP, model_cfg: dict[str, Any] = MODEL_CFG) -> None:
    """Write the two files that `open_clip.create_model('local-dir:FOLDER')` reads, in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {'model_cfg': model_cfg, 'preprocess_cfg': PREPROCESS_CFG}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + '\n')
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in clip.state_dict().items()
    }
    with put_in_place(folder / WEIGHTS_FILE) as temporary:
        save_file(state, temporary, metadata={'format': 'pt'})
        temporary.chmod(0o644)  # safetensors writes files that only their owner can read


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Bytes (B, H, W, 3) to CLIP's normalised floats (B, 3, H, W)."""
    mean, std = torch.tensor(PREPROCESS_CFG['mean']), torch.tensor(PREPROCESS_CFG['std'])
    return ((images.float() / 255 - mean) / std).permute(0, 3, 1, 2)
