"""Towers of recorded weights, and our values of what was recorded of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..alignment import cosine_score_map
from ..clip import CLIPResNet, CLIPViT, load_clip
from ..clip.pixels import clip_pixels

# Published method -> options of CLIPViT.
_METHODS: dict[str, dict[str, Any]] = {
    'vanilla': dict(dense='token'),
    'vanilla_reduced': dict(dense='token', last_block='reduced'),
    'maskclip': dict(dense='value'),
    'maskclip_reduced': dict(dense='value', last_block='reduced'),
    'sclip': dict(dense='sclip'),
    'sclip_reduced': dict(dense='sclip', last_block='reduced'),
    'clearclip': dict(dense='clearclip'),
    'clearclip_full': dict(dense='clearclip', last_block='full'),
    'kk': dict(dense='naclip', gaussian_std=0, last_block='full'),
    'kk_reduced': dict(dense='naclip', gaussian_std=0),
    'naclip': dict(dense='naclip'),
    'naclip_full': dict(dense='naclip', last_block='full'),
}
_RESNET = {'maskclip': 'value', 'vanilla': 'attention'}  # -> dense of CLIPResNet
_UNUSED_TEXT = dict(width=16, heads=1, layers=1)


class Recorded(NamedTuple):
    """One file.

    Attributes:
        path: Where it is.
        config: Sizes and settings.
        arrays: Everything else.
    """

    path: Path
    config: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def tensor(self, name: str) -> Tensor:
        """An array as a tensor."""
        array = self.arrays[name]
        return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))

    def text(self, name: str) -> Any:
        """What an array of one JSON string says, or the strings of an array of many."""
        array = self.arrays[name]
        return array.tolist() if array.ndim else json.loads(str(array))

    def state(self) -> dict[str, Tensor]:
        """The weights by their published names."""
        names = [name for name in self.arrays if name.startswith('state/')]
        return {name.removeprefix('state/'): self.tensor(name) for name in names}

    def images(self) -> Iterator[tuple[str, Tensor]]:
        """Names and normalised pictures (B, 3, H, W)."""
        mean, std = (torch.tensor(three)[:, None, None] for three in clip_pixels({})[:2])
        for name in [name for name in self.arrays if name.startswith('images/')]:
            yield name.removeprefix('images/'), (self.tensor(name).float() - mean) / std


def vit_options(method: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of CLIPViT for a published method; position tables by the published rule."""
    options = dict(_METHODS[method], positions='scale', resample=False)
    if options['dense'] == 'naclip':
        options.setdefault('gaussian_std', config['gaussian_std'])
    return options


def vit_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's config of a recorded vision transformer and its text tower."""
    return dict(
        embed_dim=config['embed'],
        quick_gelu=config['quick_gelu'],
        vision_cfg=dict(
            layers=config['layers'],
            width=config['width'],
            head_width=config['width'] // config['heads'],
            patch_size=config['patch'],
            image_size=config['image'],
        ),
        text_cfg=dict(
            context_length=config['context_length'],
            vocab_size=config['vocab_size'],
            width=config['text_width'],
            heads=config['text_heads'],
            layers=config['text_layers'],
        ),
    )


def vit_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    """Our values of a vision transformer's file, by the recorded names."""
    for method in _METHODS:
        visual = load_visual(load_clip(vit_config(file.config)).visual, file)
        backbone = CLIPViT(visual, **vit_options(method, file.config)).eval()
        for name, images in file.images():
            # What is beyond whole patches, the published towers leave out.
            height, width = (side // backbone.patch * backbone.patch for side in images.shape[2:])
            features = backbone(images[:, :, :height, :width])
            yield f'dense/{method}/{name}', features.dense
            if method == 'vanilla':
                yield f'pooled/{name}', features.pooled
                yield f'class_token/{name}', features.pooled


def resnet_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    """Our values of a ResNet's file, by the recorded names."""
    config = file.config
    tower = dict(
        layers=config['layers'],
        width=config['width'],
        head_width=config['width'] * 32 // config['heads'],  # of open_clip
        image_size=config['image'],
        patch_size=None,
    )
    clip = dict(embed_dim=config['embed'], vision_cfg=tower, text_cfg=_UNUSED_TEXT)
    for method, dense in _RESNET.items():
        backbone = CLIPResNet(load_visual(load_clip(clip).visual, file), dense=dense).eval()
        for name, images in file.images():
            features = backbone(images)
            yield f'dense/{method}/{name}', features.dense
            if dense == 'attention':
                yield f'pooled/{name}', features.pooled
                continue
            yield f'stage4/{name}', features.pyramid[3]
            scores = cosine_score_map(features.dense, file.tensor('text')[None])
            yield f'scores/{name}', scores


def load_visual(visual: nn.Module, file: Recorded) -> nn.Module:
    """The image tower with the recorded weights, strictly but for counters of batches."""
    counters = {n: v for n, v in visual.state_dict().items() if n.endswith('num_batches_tracked')}
    state = file.state().items()
    own = {n.removeprefix('visual.'): v for n, v in state if n.startswith('visual.')}
    visual.load_state_dict(counters | own)
    return visual
