"""Activation checkpointing: same numbers, less memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from icpc.backbones.imagenet import ImageNetBackbone
from icpc.clip import CLIPResNet, CLIPTimm, CLIPViT, TextEncoder, load_clip
from icpc.clip.text.vocabulary import PackedNames
from icpc.recomputing import recomputed


def tower(visual: dict, image_size: int = 64) -> nn.Module:
    text = dict(width=32, heads=2, layers=1, context_length=16)
    vision = dict(image_size=image_size, patch_size=16, **visual)
    return load_clip(dict(embed_dim=24, vision_cfg=vision, text_cfg=text)).visual


def timm_tower(name: str, pool: str = '') -> nn.Module:
    return tower(dict(timm_model_name=name, timm_pool=pool, timm_proj='linear'))


def resnet() -> nn.Module:
    shape = dict(layers=[2, 2, 1, 1], width=8, head_width=32, image_size=64, patch_size=None)
    text = dict(width=32, heads=2, layers=1, context_length=16)
    return load_clip(dict(embed_dim=32, vision_cfg=shape, text_cfg=text)).visual


BACKBONES: dict[str, Callable[[], nn.Module]] = {
    'CLIPResNet': lambda: CLIPResNet(resnet()),
    'CLIPViT': lambda: CLIPViT(tower(dict(layers=6, width=32, head_width=16)), drop_path=0.5),
    'ConvNeXt': lambda: CLIPTimm(timm_tower('convnext_atto')),
    'timm ViT': lambda: CLIPTimm(timm_tower('vit_tiny_patch16_224', 'avg')),
    'ImageNet': lambda: ImageNetBackbone(resnet(), 'resnet18', pretrained=False),
}


@contextmanager
def kept_bytes() -> Iterator[dict[int, int]]:
    """Bytes of the storages that autograd keeps for backward, parameters included."""
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        alive.append(storage)
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def trained(backbone: nn.Module, checkpointing: bool) -> tuple[dict[str, Tensor], int]:
    """Gradients and buffers after one pass, and bytes kept beside the parameters."""
    backbone.checkpointing = checkpointing
    backbone.double().train()
    torch.manual_seed(1)
    images = torch.randn(3, 3, 128, 128).double()
    own = {p.untyped_storage().data_ptr() for p in backbone.parameters()}
    with kept_bytes() as kept:
        features = backbone(images)
        loss = sum(level.square().mean() for level in (*features.pyramid, features.dense))
    size = sum(number for place, number in kept.items() if place not in own)
    loss.backward()
    found = {name: p.grad for name, p in backbone.named_parameters() if p.grad is not None}
    return {**found, **dict(backbone.named_buffers()), 'loss': loss.detach()}, size


@pytest.mark.parametrize('name', BACKBONES)
def test_same_gradients_and_statistics_and_less_memory(name: str) -> None:
    results = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        results.append(trained(BACKBONES[name](), checkpointing))
    (plain, all_bytes), (again, fewer_bytes) = results
    assert plain.keys() == again.keys()
    assert len(plain) > 20
    for key, value in plain.items():
        torch.testing.assert_close(again[key], value, rtol=1e-6, atol=1e-9, msg=key)
    assert fewer_bytes < 0.6 * all_bytes, fewer_bytes / all_bytes


def test_the_text_tower_keeps_less_both_ways() -> None:
    config = dict(layers=4, width=32, heads=2, context_length=24)
    vision = dict(layers=4, width=32, head_width=16, image_size=64, patch_size=16)
    clip = load_clip(dict(embed_dim=32, vision_cfg=vision, text_cfg=config)).double()
    names = PackedNames.from_names(['wall', 'traffic light', 'sky'])
    ways = {
        'shared': lambda encoder, leaf: encoder(leaf[:, :4], names),
        'plain': lambda encoder, leaf: encoder.encode_embeddings(leaf, torch.tensor([5, 7])),
    }
    for way, encode in ways.items():
        leaf = torch.randn(2, 8, 32).double()
        results = []
        for checkpointing in (False, True):
            start = leaf.clone().requires_grad_()
            with kept_bytes() as kept:
                text = encode(TextEncoder(clip, checkpointing=checkpointing), start)
            text.square().sum().backward()
            own = {p.untyped_storage().data_ptr() for p in clip.parameters()}
            sizes = [number for place, number in kept.items() if place not in own]
            results.append((start.grad, sum(sizes)))
        torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-6, atol=1e-12)
        assert results[1][1] < 0.5 * results[0][1], way


def test_nothing_is_recomputed_without_gradients() -> None:
    backbone = BACKBONES['CLIPResNet']().eval()
    backbone.checkpointing = True
    with torch.no_grad():
        assert not backbone(torch.randn(1, 3, 64, 64)).dense.requires_grad


def test_what_recomputes_in_a_compiled_model_gives_the_same():
    """PMSS's matchers recompute from the start, in towers that may be compiled."""
    owner, inputs = nn.Linear(3, 3), torch.randn(2, 3, requires_grad=True)
    owner.checkpointing = True

    def forward(x: Tensor) -> Tensor:
        return recomputed(owner, owner, x.sin()).cos()

    gradients = []
    for function in (forward, torch.compile(forward, backend='eager')):
        with kept_bytes() as kept:
            loss = function(inputs).sum()
        gradients.append((torch.autograd.grad(loss, [inputs, owner.weight]), sum(kept.values())))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)
