"""Texts in parts: exact, within the budget, and the estimate fits what autograd keeps."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from icpc.clip import PackedNames, TextEncoder
from icpc.memory.text import held_bytes
from icpc.prompts.static import StaticPrompter

WORDS = ['sky', 'tree', 'road', 'car', 'dog', 'cat', 'sea', 'boat']
NAMES = [' '.join(WORDS[i % 3 : i % 3 + 1 + i % 5]) + f' {WORDS[i % 8]}' for i in range(24)]
MIB = 2**20


@pytest.fixture
def build(build_clip: Callable, tiny_resnet_cfg: dict) -> Callable[..., TextEncoder]:
    def make(**options: object) -> TextEncoder:
        tiny_resnet_cfg['text_cfg'].update(layers=3, width=64)
        return TextEncoder(build_clip(tiny_resnet_cfg).double(), **options)

    return make


def kept_bytes(encoder: TextEncoder, forward: Callable[[], Tensor]) -> int:
    """Of distinct storages that autograd keeps, weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in encoder.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        text = forward()
    assert text.requires_grad
    return sum(kept.values())


def text_and_gradient(encoder: TextEncoder, contexts: Tensor) -> tuple[Tensor, Tensor]:
    leaf = contexts.clone().requires_grad_()
    text = encoder(leaf, PackedNames.from_names(NAMES))
    (text * torch.arange(text.numel()).view_as(text).sin()).sum().backward()
    return text.detach(), leaf.grad


@pytest.mark.parametrize('checkpointing', [False, True])
@pytest.mark.parametrize('budget', [1e-6, 0.4, 1.0])
def test_parts_are_exact(build: Callable, budget: float, checkpointing: bool) -> None:
    contexts = torch.randn(2, 4, 64).double()
    expected = text_and_gradient(build(memory_budget=None), contexts)
    encoder = build(memory_budget=budget, checkpointing=checkpointing)
    found = text_and_gradient(encoder, contexts)
    assert expected[1].abs().min() > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    with torch.no_grad():
        text = encoder(contexts, PackedNames.from_names(NAMES))
    torch.testing.assert_close(text, expected[0], rtol=0, atol=1e-11)


def test_no_part_keeps_more_than_the_budget(
    build: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, names = build(memory_budget=2.0), PackedNames.from_names(NAMES)
    contexts = torch.randn(2, 4, 64).double().requires_grad_()
    parts, encode = [], TextEncoder._encode
    monkeypatch.setattr(
        TextEncoder, '_encode', lambda *args: (parts.append(args[2]), encode(*args))[1]
    )
    whole = kept_bytes(encoder, lambda: encode(encoder, contexts, names))
    text = encoder(contexts, names)
    assert 3 <= len(parts) <= 8
    assert sorted(name for part in parts for name in part.names) == sorted(NAMES)
    runs = [partial(encode, encoder, contexts, part) for part in parts]
    kept = [kept_bytes(encoder, run) for run in runs]
    assert MIB < max(kept) < 2 * MIB < whole
    recomputed = len(parts)
    text.sum().backward()
    assert len(parts) == 2 * recomputed


def test_in_parts_next_to_nothing_waits_for_backward(build: Callable) -> None:
    contexts = torch.randn(2, 4, 64).double().requires_grad_()
    names = PackedNames.from_names(NAMES)
    whole, parts = (
        kept_bytes(encoder, partial(encoder, contexts, names))
        for encoder in (build(memory_budget=None), build(memory_budget=1.0))
    )
    assert parts < whole / 50


def test_the_default_budget_leaves_150_names_for_4_images_whole(build: Callable) -> None:
    """At RN50's text width, 12 blocks; ADE20K's names have 334 tokens, end tokens included."""
    token = held_bytes(512, 8, layers=12, attended=21, recomputes=False, element=4)
    assert 4 * (334 + 17) * token < 600 * MIB
    assert 4 * (334 + 17) * token < build().memory_budget * MIB / 6


@pytest.mark.parametrize('position', ['end', 'middle'])
def test_contexts_of_each_class_in_parts(build: Callable, position: str) -> None:
    results = []
    for budget in (None, 0.5):
        encoder = build(memory_budget=budget)
        torch.manual_seed(1)
        prompter = StaticPrompter(
            encoder, NAMES, class_specific=True, name_position=position
        ).double()
        kept = kept_bytes(encoder, prompter)
        text = prompter()
        text.square().sum().backward()
        results.append((text.detach(), prompter.contexts.grad, kept))
    (text, gradient, whole), (text_parts, gradient_parts, parts) = results
    assert gradient.abs().max() > 1e-3
    torch.testing.assert_close(text_parts, text, rtol=0, atol=1e-11)
    torch.testing.assert_close(gradient_parts, gradient, rtol=0, atol=1e-11)
    assert parts < whole / 5


def test_the_plain_way_keeps_at_most_the_estimate(build: Callable) -> None:
    encoder = build()
    prompts = torch.randn(6, 20, 64).double().requires_grad_()
    kept = kept_bytes(encoder, lambda: encoder.encode_embeddings(prompts, torch.full((6,), 19)))
    token = held_bytes(64, 2, layers=3, attended=20, recomputes=False, element=8)
    assert 0.7 < kept / (6 * 20 * token) <= 1


@pytest.mark.parametrize('budget', [0, -1, 'much', True])
def test_a_budget_without_room_is_refused(build: Callable, budget: object) -> None:
    with pytest.raises(ValueError, match='memory_budget is in MiB and must be above 0'):
        build(memory_budget=budget)
