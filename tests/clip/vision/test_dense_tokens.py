"""The last block's other rules against loops over heads and positions; the rest stays the same."""

from collections.abc import Callable
from math import exp

import pytest
import torch
from torch import Tensor, nn

from icpc.clip import CLIPViT
from icpc.clip.vision.positions import resize_positions

# Options -> what is compared with what, Gaussian's deviation, whether residual and MLP are there.
RULES = {
    'value': (dict(dense='value'), None, 0, True),
    'value, reduced': (dict(dense='value', last_block='reduced'), None, 0, False),
    'token, reduced': (dict(last_block='reduced'), ['qk'], 0, False),
    'sclip': (dict(dense='sclip'), ['qq', 'kk'], 0, True),
    'clearclip': (dict(dense='clearclip'), ['qq'], 0, False),
    'naclip': (dict(dense='naclip'), ['kk'], 5, False),
    'naclip, other': (dict(dense='naclip', gaussian_std=1.5, last_block='full'), ['kk'], 1.5, True),
    'kk': (dict(dense='naclip', gaussian_std=0), ['kk'], 0, False),
}


@pytest.fixture
def visual(build_clip: Callable, tiny_vit_cfg: dict) -> nn.Module:
    return build_clip(tiny_vit_cfg).visual


def naive(visual: nn.Module, x: Tensor, width: int, pairs: list | None, std: float, full: bool):
    """(h * w, D) of one picture's tokens (1 + h * w, C) before the last block."""
    block, places = visual.transformer.resblocks[-1], [divmod(i, width) for i in range(len(x) - 1)]
    normed = block.ln_1(x)
    weights, biases = block.attn.in_proj_weight.chunk(3), block.attn.in_proj_bias.chunk(3)
    q, k, v = (normed @ w.T + b for w, b in zip(weights, biases, strict=True))
    size = block.attn.head_dim
    out = torch.zeros(len(places), x.shape[1])
    for i in range(len(places)):
        for head in range(block.attn.num_heads):
            part = slice(head * size, (head + 1) * size)
            if pairs is None:
                out[i, part] = v[1 + i, part]
            for a, b in pairs or ():
                logits = dict(q=q, k=k)[b][:, part] @ dict(q=q, k=k)[a][1 + i, part] * size**-0.5
                for j, (row, column) in enumerate(places if std else []):
                    distance = (row - places[i][0]) ** 2 + (column - places[i][1]) ** 2
                    logits[1 + j] += exp(-distance / (2 * std**2))
                out[i, part] += logits.softmax(0) @ v[:, part]
    out = out @ block.attn.out_proj.weight.T + block.attn.out_proj.bias
    if full:
        out = x[1:] + out
        out = out + block.mlp(block.ln_2(out))
    return visual.ln_post(out) @ visual.proj


@pytest.mark.parametrize('rule', RULES)
@torch.no_grad()
def test_a_rule_is_what_loops_give_and_the_rest_stays(visual: nn.Module, rule: str) -> None:
    options, pairs, std, full = RULES[rule]
    images = torch.randn(2, 3, 50, 70)  # a grid of 4 x 5
    plain = CLIPViT(visual).eval()
    before: list[Tensor] = []
    block = visual.transformer.resblocks[-1]
    handle = block.ln_1.register_forward_pre_hook(lambda _, args: before.append(args[0]))
    expected = plain(images)
    handle.remove()
    own = CLIPViT(visual, **options).eval()
    own.load_state_dict(plain.state_dict())
    features = own(images)
    assert torch.equal(features.pooled, expected.pooled)
    assert all(map(torch.equal, features.pyramid, expected.pyramid))
    loops = torch.stack([naive(visual, x, 5, pairs, std, full).T for x in before[0]])
    assert features.dense.shape == (2, 32, 4, 5)
    assert (features.dense - expected.dense).abs().max() > 0.1
    torch.testing.assert_close(features.dense.flatten(2), loops, rtol=0, atol=1e-5)


@pytest.mark.parametrize('rule', ['value', 'sclip', 'naclip'])
def test_gradients_reach_the_last_block_and_recomputing_gives_the_same(
    visual: nn.Module, rule: str
) -> None:
    backbone = CLIPViT(visual, dense=rule, taps=(0, 1, 1, 2), drop_path=0.3).train()
    images, found = torch.randn(2, 3, 48, 64), []
    for backbone.checkpointing in (False, True):
        backbone.zero_grad()
        torch.manual_seed(1)
        features = backbone(images)
        sum(x.square().sum() for x in (*features.pyramid, features.dense)).backward()
        found.append({n: p.grad for n, p in backbone.named_parameters()})
    unused = {id(p) for p in backbone.pooled_only}
    without = {n for n, p in backbone.named_parameters() if found[0][n] is None}
    assert without == {n for n, p in backbone.named_parameters() if id(p) in unused}
    assert bool(unused) == (rule == 'naclip')
    for name, grad in found[0].items():
        assert grad is None or torch.equal(grad, found[1][name]), name
    assert found[0]['visual.transformer.resblocks.3.attn.in_proj_weight'].abs().max() > 0


@torch.no_grad()
def test_without_resampling_the_pyramid_is_the_taps(visual: nn.Module) -> None:
    backbone = CLIPViT(visual, dense='naclip', resample=False).eval()
    assert backbone.strides == (16, 16, 16, 16)
    assert [name for name in backbone.state_dict() if 'resample' in name] == []
    features = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(tap.shape) for tap in features.pyramid] == [(1, 32, 4, 6)] * 4


def test_positions_by_the_published_rule() -> None:
    """Bicubic (a = -0.75) at (i + 0.5) n / (h + 0.1) - 0.5; as it is for as many positions."""
    table = torch.randn(1 + 4 * 4, 3)
    assert resize_positions(table, (4, 4), (2, 8), 'scale') is table
    resized = resize_positions(table, (4, 4), (6, 5), 'scale')[1:].unflatten(0, (6, 5))

    def weights(outputs: int) -> Tensor:
        matrix = torch.zeros(outputs, 4)
        for i in range(outputs):
            place = (i + 0.5) * 4 / (outputs + 0.1) - 0.5
            for j in range(int(place // 1) - 1, int(place // 1) + 3):
                d, a = abs(place - j), -0.75
                near = (a + 2) * d**3 - (a + 3) * d**2 + 1
                far = a * (d**3 - 5 * d**2 + 8 * d - 4)
                matrix[i, min(max(j, 0), 3)] += near if d <= 1 else far
        return matrix

    grid = table[1:].unflatten(0, (4, 4))
    expected = torch.einsum('ih,jw,hwc->ijc', weights(6), weights(5), grid)
    torch.testing.assert_close(resized, expected, rtol=0, atol=1e-5)
