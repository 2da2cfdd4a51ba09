"""The shared-prefix encoding is exact: the plain encoding and open_clip's own are the references.

All in float64: outputs and gradients to the contexts agree to 1e-9.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from icpc.clip import PackedNames, TextEncoder
from icpc.clip.text.vocabulary import END, START, tokenize

WORDS = ['sky', 'tree', 'road', 'car', 'dog', 'cat', 'sea', 'boat']  # one token each
# One to eight tokens, the lengths mixed and two of them twice.
NAMES = [' '.join(WORDS[:n]) for n in (3, 1, 8, 2, 5, 4, 7, 6)] + ['boat', 'cat dog sea']
CONTEXT_WORDS = ['a', 'photo', 'of', 'a', 'very', 'large', 'red', 'flower']


@pytest.fixture
def build(build_clip: Callable, tiny_resnet_cfg: dict) -> Callable[..., nn.Module]:
    def make(text: dict | None = None, **options: object) -> nn.Module:
        tiny_resnet_cfg['text_cfg'].update(text or {})
        return build_clip(tiny_resnet_cfg | options).double()

    return make


def plain_encoding(encoder: TextEncoder, contexts: Tensor, names: list[str]) -> Tensor:
    """Every prompt of every image on its own through all blocks, padded to one length."""
    tokens = [tokenize(name) for name in names]
    length = 2 + contexts.shape[1] + max(map(len, tokens))
    prompts, ends = [], []
    for image in contexts:
        for name in tokens:
            behind = [*name, END] + [0] * (length - 2 - len(image) - len(name))
            weight = encoder.token_embedding.weight
            prompts.append(torch.cat([weight[[START]], image, weight[behind]]))
            ends.append(1 + len(image) + len(name))
    encoded = encoder.encode_embeddings(torch.stack(prompts), torch.tensor(ends))
    return encoded.unflatten(0, (len(contexts), len(names)))


def assert_same(encoder: TextEncoder, contexts: Tensor, names: list[str]) -> None:
    """Same output, and same gradient to the contexts, as the plain encoding."""
    shared_input, plain_input = (contexts.clone().requires_grad_() for _ in range(2))
    shared = encoder(shared_input, PackedNames.from_names(names))
    plain = plain_encoding(encoder, plain_input, names)
    assert plain.std() > 0.01
    torch.testing.assert_close(shared, plain, rtol=0, atol=1e-9)
    if contexts.numel():
        weights = torch.randn_like(plain)
        (shared * weights).sum().backward()
        (plain * weights).sum().backward()
        assert plain_input.grad.abs().min() > 0
        torch.testing.assert_close(shared_input.grad, plain_input.grad, rtol=0, atol=1e-9)


@pytest.mark.parametrize('quick_gelu', [True, False])
@pytest.mark.parametrize('images', [1, 3])
@pytest.mark.parametrize('contexts', [0, 1, 8])
def test_shared_prefix_equals_plain_encoding(
    build: Callable, contexts: int, images: int, quick_gelu: bool
) -> None:
    encoder = TextEncoder(build(quick_gelu=quick_gelu))
    assert_same(encoder, torch.randn(images, contexts, 32).double(), NAMES)


@pytest.mark.parametrize('layers', [1, 2, 4])
@pytest.mark.parametrize('names', [['sky'], ['cat dog sea'], NAMES])
def test_any_depth_and_a_single_class(build: Callable, layers: int, names: list[str]) -> None:
    encoder = TextEncoder(build(dict(layers=layers)))
    assert_same(encoder, torch.randn(2, 3, 32).double(), names)


@pytest.mark.parametrize(
    ('text', 'options'),
    [
        ({}, {}),
        ({}, dict(quick_gelu=False)),
        ({}, dict(custom_text=True)),
        (dict(ls_init_value=0.3), {}),
        (dict(proj_bias=True), {}),
        (dict(heads=1), {}),
        (dict(heads=8), {}),
    ],
    ids=['plain', 'gelu', 'CustomTextCLIP', 'scale', 'linear projection', '1 head', '8 heads'],
)
@pytest.mark.parametrize('contexts', [0, 1, 8])
def test_equals_open_clips_encode_text(
    build: Callable, contexts: int, text: dict, options: dict
) -> None:
    """Contexts that are words: the same prompts as token ids through open_clip's own path."""
    clip = build(text, **options)
    words = [tokenize(word)[0] for word in CONTEXT_WORDS[:contexts]]
    prompts = torch.zeros(len(NAMES), 24, dtype=torch.long)
    for row, name in zip(prompts, NAMES, strict=True):
        ids = [START, *words, *tokenize(name), END]
        row[: len(ids)] = torch.tensor(ids)
    encoder = TextEncoder(clip)
    with torch.no_grad():
        expected = clip.encode_text(prompts)  # (K, D)
        found = encoder(encoder.token_embedding.weight[words][None], PackedNames.from_names(NAMES))
    assert expected.std() > 0.01
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-9)
    assert_same(encoder, torch.randn(2, contexts, 32).double(), NAMES)


def test_checkpointing_changes_neither_output_nor_gradient(build: Callable) -> None:
    clip = build(dict(layers=3))
    contexts, names = torch.randn(2, 4, 32).double(), PackedNames.from_names(NAMES)
    results = []
    for checkpointing in (False, True):
        encoder = TextEncoder(clip, checkpointing=checkpointing)
        leaf = contexts.clone().requires_grad_()
        text = encoder(leaf, names)
        text.square().sum().backward()
        results.append((text.detach(), leaf.grad))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-12)


def test_checkpointing_recomputes_blocks(build: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextEncoder(build(dict(layers=3)), checkpointing=True)
    calls, block = [], TextEncoder._block
    monkeypatch.setattr(TextEncoder, '_block', lambda *args: (calls.append(1), block(*args))[1])
    leaf = torch.randn(1, 2, 32).double().requires_grad_()
    text = encoder(leaf, PackedNames.from_names(NAMES))
    assert len(calls) == 2
    text.sum().backward()
    assert len(calls) == 4
    with torch.no_grad():
        encoder(leaf, PackedNames.from_names(NAMES))
    assert len(calls) == 6


def test_the_tower_is_frozen_and_stays_in_eval_mode(build: Callable) -> None:
    encoder = TextEncoder(build()).train()
    assert not any(module.training for module in encoder.modules())
    contexts = torch.randn(1, 2, 32).double().requires_grad_()
    encoder(contexts, PackedNames.from_names(NAMES)).sum().backward()
    assert contexts.grad is not None
    parameters = list(encoder.parameters())
    assert len(parameters) > 20
    assert all(p.grad is None and not p.requires_grad for p in parameters)


def test_images_do_not_see_each_other(build: Callable) -> None:
    encoder, names = TextEncoder(build()), PackedNames.from_names(NAMES)
    contexts = torch.randn(3, 4, 32).double()
    together = encoder(contexts, names)
    alone = torch.cat([encoder(image[None], names) for image in contexts])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


def test_permuting_the_names_permutes_the_text(build: Callable) -> None:
    encoder, contexts = TextEncoder(build()), torch.randn(2, 4, 32).double()
    order = torch.randperm(len(NAMES), generator=torch.Generator().manual_seed(3)).tolist()
    text = encoder(contexts, PackedNames.from_names(NAMES))
    permuted = encoder(contexts, PackedNames.from_names([NAMES[k] for k in order]))
    torch.testing.assert_close(permuted, text[:, order], rtol=0, atol=1e-12)


def test_prompts_that_fill_all_positions(build: Callable) -> None:
    """24 positions: start, 14 contexts, 8 tokens and the end; one context more raises."""
    encoder = TextEncoder(build())
    assert encoder.num_positions == 24
    assert_same(encoder, torch.randn(1, 14, 32).double(), NAMES)
    with pytest.raises(ValueError, match="'sky tree road car dog cat sea boat' \\(9 tokens\\)"):
        encoder(torch.randn(1, 15, 32).double(), PackedNames.from_names(NAMES))


@pytest.mark.parametrize(
    ('text', 'options', 'message'),
    [
        (dict(no_causal_mask=True), {}, 'bidirectional'),
        (dict(embed_cls=True), dict(custom_text=True), 'class token'),
        (dict(pool_type='last'), {}, "pooling 'last' is not at the end token"),
        (dict(pool_type='last'), dict(custom_text=True), "pooling 'last' is not at the end"),
        (dict(proj_type='none'), dict(custom_text=True), 'no projection'),
    ],
)
def test_towers_that_cannot_share_are_refused(
    build: Callable, text: dict, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TextEncoder(build(text, **options))
