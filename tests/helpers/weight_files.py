"""Tiny weight files in the formats that people have."""

import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn


class _Archive(nn.Module):
    """A module tree with the given weights, traceable as OpenAI's published models are."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def openai_archive(path: Path, state: dict[str, Tensor]) -> Path:
    """TorchScript, half precision, three numbers beside the weights: OpenAI's ``RN50.pt``."""
    root = _Archive()
    numbers = dict(input_resolution=64, context_length=24, vocab_size=49408)
    for name, value in state.items() | {k: torch.tensor(v) for k, v in numbers.items()}.items():
        *parents, leaf = name.split('.')
        module = root
        for parent in parents:
            if parent not in dict(module.named_children()):
                module.add_module(parent, _Archive())
            module = module.get_submodule(parent)
        half = value.half() if value.is_floating_point() else value
        module.register_buffer(leaf, half.clone())
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.jit.trace(root, torch.zeros(1)).save(str(path))
    return path


def wrapped_checkpoint(path: Path, state: dict[str, Tensor]) -> Path:
    """open_clip's training checkpoint of a DistributedDataParallel model."""
    wrapped = {f'module.{name}': value for name, value in state.items()}
    torch.save({'epoch': 3, 'state_dict': wrapped}, path)
    return path


def plain_pt(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, path)
    return path


def safetensors_file(path: Path, state: dict[str, Tensor]) -> Path:
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path


def open_clip_folder(path: Path, state: dict[str, Tensor], config: dict) -> Path:
    """open_clip's local format: a config and safetensors side by side."""
    path.mkdir()
    (path / 'open_clip_config.json').write_text(json.dumps(dict(model_cfg=config)))
    safetensors_file(path / 'open_clip_model.safetensors', state)
    return path
