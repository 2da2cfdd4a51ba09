"""Position tables cut or resized once, when CLIP is loaded."""

import pytest
import torch
from torch.nn import functional as F

from icpc.clip import CLIPResNet, CLIPViT, TextEncoder, load_clip
from icpc.clip.text.vocabulary import PackedNames


def test_vit_table_is_resized_as_it_would_be_at_every_forward(tiny_vit_cfg):
    torch.manual_seed(0)
    native = CLIPViT(load_clip(tiny_vit_cfg).visual).eval()
    torch.manual_seed(0)
    resized = CLIPViT(load_clip(tiny_vit_cfg, image_size=96).visual).eval()
    assert resized.visual.positional_embedding.shape == (37, 32)
    assert resized.visual.positional_embedding.requires_grad
    resized.resample.load_state_dict(native.resample.state_dict())
    images = torch.randn(1, 3, 96, 96)
    torch.testing.assert_close(resized(images).dense, native(images).dense)
    table = native.visual.positional_embedding
    grid = F.interpolate(table[1:].T.reshape(1, 32, 4, 4), size=(6, 6), mode='bilinear')
    torch.testing.assert_close(resized.visual.positional_embedding[1:].T, grid[0].flatten(1))


def test_resnet_table_is_resized(tiny_resnet_cfg):
    torch.manual_seed(0)
    native = CLIPResNet(load_clip(tiny_resnet_cfg).visual).eval()
    torch.manual_seed(0)
    resized = CLIPResNet(load_clip(tiny_resnet_cfg, image_size=128).visual).eval()
    assert resized.visual.attnpool.positional_embedding.shape == (17, 256)
    images = torch.randn(1, 3, 128, 128)
    torch.testing.assert_close(resized(images).pooled, native(images).pooled)


def test_sizes_off_the_stride_get_the_towers_own_grid(tiny_resnet_cfg, tiny_vit_cfg):
    resnet = load_clip(tiny_resnet_cfg, image_size=110).visual
    assert len(resnet.attnpool.positional_embedding) == 1 + 3**2
    tower = CLIPViT(load_clip(tiny_vit_cfg, image_size=100).visual).eval()
    dense = tower(torch.randn(1, 3, 100, 100)).dense
    assert dense.shape[2:] == tower.visual.grid_size == (7, 7)


def test_cut_text_positions(tiny_resnet_cfg):
    torch.manual_seed(0)
    clip = load_clip(tiny_resnet_cfg)
    names, contexts = PackedNames.from_names(['wall', 'traffic light']), torch.randn(1, 8, 32)
    whole = TextEncoder(clip)(contexts, names)
    cut = TextEncoder(clip, num_positions=13)
    assert cut.positional_embedding.shape == (13, 32)
    assert not cut.positional_embedding.requires_grad
    torch.testing.assert_close(cut(contexts, names), whole)
    with pytest.raises(ValueError, match='swimming pool with a slide'):
        cut(contexts, PackedNames.from_names(['swimming pool with a slide']))
    with pytest.raises(ValueError, match='num_positions must be 2 .. 24'):
        TextEncoder(clip, num_positions=25)
