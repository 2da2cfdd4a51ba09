"""Class names as tokens, packed without padding."""

import pytest
import torch
from open_clip import tokenize as open_clip_tokenize

from icpc.clip.text.vocabulary import (
    END,
    START,
    PackedNames,
    prompt_name,
    shuffled,
    split_shared_prefix,
    tokenize,
)

NAMES = ['traffic light', 'sky', 'swimming pool ladder', 'sea', 'pool table']


@pytest.mark.parametrize('name', ['sky', 'Traffic_Light', "painter's easel", 'zzyzx-42', 'bed '])
def test_tokens_are_open_clips(name: str) -> None:
    expected = open_clip_tokenize(prompt_name(name))[0].tolist()
    tokens = tokenize(prompt_name(name))
    assert [START, *tokens, END] == expected[: len(tokens) + 2]
    assert not any(expected[len(tokens) + 2 :])


def test_prompt_names_are_readable() -> None:
    assert prompt_name('bed ') == 'bed'  # MMSegmentation's ADE20K list has it so
    assert prompt_name(' traffic_light') == 'traffic light'
    assert prompt_name('arcade__machine') == 'arcade machine'


@pytest.mark.parametrize('name', ['', ' ', '\t\n'])
def test_an_empty_name_raises(name: str) -> None:
    with pytest.raises(ValueError, match='has no tokens'):
        PackedNames.from_names(['sky', name])


@pytest.mark.parametrize(
    ('prompts', 'prefix', 'rest'),
    [
        ([[1, 2, 3, 4], [1, 2, 5]], [1, 2], [[3, 4], [5]]),
        ([[1, 2], [3, 2]], [], [[1, 2], [3, 2]]),
        ([[1, 2], [1, 2, 3]], [1], [[2], [2, 3]]),  # one prompt begins another: a token stays
        ([[7, 8, 9]], [7, 8], [[9]]),
        ([[1, 2], [1, 2]], [1], [[2], [2]]),
    ],
)
def test_shared_prefix(prompts: list, prefix: list, rest: list) -> None:
    assert split_shared_prefix(prompts) == (prefix, rest)


def test_names_of_equal_length_lie_side_by_side() -> None:
    packed = PackedNames.from_names(NAMES)
    tokens = [tokenize(name) for name in NAMES]
    assert [len(t) for t in tokens] == [2, 1, 3, 1, 2]
    assert packed.groups == [(0, 2, 2), (4, 2, 3), (10, 1, 4)]  # (first token, names, tokens each)
    expected = [t for k in (1, 3, 0, 4, 2) for t in (*tokens[k], END)]
    assert packed.ids.tolist() == expected
    assert packed.offsets.tolist() == [0, 1, 0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3]
    assert packed.ends.tolist() == [1, 3, 6, 9, 13]
    assert packed.max_length == 4


def test_order_brings_the_classes_back() -> None:
    packed = PackedNames.from_names(NAMES)
    first_tokens = packed.ids[packed.ends[packed.order] - torch.tensor([2, 1, 3, 1, 2])]
    assert first_tokens.tolist() == [tokenize(name)[0] for name in NAMES]


def test_packed_names_are_no_weights_but_move_with_the_model() -> None:
    packed = PackedNames.from_names(NAMES)
    assert not packed.state_dict()
    assert {name for name, _ in packed.named_buffers()} == {
        'ids',
        'offsets',
        'ends',
        'order',
        'future',
    }


def test_embedding_adds_the_positions_behind_the_prefix() -> None:
    packed = PackedNames.from_names(['sky', 'pool table'])
    embedding = torch.nn.Embedding(49408, 3)
    positions = torch.randn(10, 3)
    found = packed.embed(embedding, positions, prefix=4)
    rows = [tokenize('sky')[0], END, *tokenize('pool table'), END]
    expected = embedding.weight[rows] + positions[[4, 5, 4, 5, 6]]
    assert torch.equal(found, expected)


def test_the_budget_counts_the_end_token_and_names_the_classes() -> None:
    packed = PackedNames.from_names(NAMES)
    packed.check_budget(prefix=5, positions=9)  # 3 tokens and the end token fit exactly
    with pytest.raises(ValueError, match='1 of 5 .* 8 positions, 5 are taken') as error:
        packed.check_budget(prefix=5, positions=8)
    assert "'swimming pool ladder' (4 tokens)" in str(error.value)
    assert 'sky' not in str(error.value)
    with pytest.raises(ValueError, match="3 of 5 .*'traffic light' .*'pool table'"):
        packed.check_budget(prefix=6, positions=8)


ALIKE = ['bed', 'Bed ', 'traffic light', 'traffic_light', 'sky', 'sea; ocean']


@pytest.mark.parametrize('seed', range(20))
def test_no_class_keeps_a_text_that_reads_as_its_own(seed: int) -> None:
    others = shuffled(ALIKE, seed)
    assert sorted(others) == sorted(ALIKE)
    own, new = ([tokenize(prompt_name(name)) for name in names] for names in (ALIKE, others))
    assert all(one != other for one, other in zip(own, new, strict=True))


def test_different_names_take_those_before_them_on_a_random_round_trip() -> None:
    order = torch.randperm(5, generator=torch.Generator().manual_seed(7)).tolist()
    names = shuffled(NAMES, 7)
    assert [names[k] for k in order] == [NAMES[order[i - 1]] for i in range(5)]


@pytest.mark.parametrize('names', [['sky', 'Sky', 'sea'], ['a', 'a'], ['a', 'b', 'a ', 'A', 'c']])
def test_names_that_cannot_all_change_are_named(names: list[str]) -> None:
    alike = sum(name.strip().lower() == names[0].lower() for name in names)
    with pytest.raises(
        ValueError, match=f'{alike} of {len(names)} class names read alike'
    ) as error:
        shuffled(names, 0)
    assert repr(names[0]) in str(error.value)


def test_names_that_give_the_same_prompt_are_named(monkeypatch):
    said = []
    monkeypatch.setattr('icpc.clip.text.vocabulary.logger.info', said.append)
    PackedNames.from_names(['wall', 'sky'])
    assert said == []
    PackedNames.from_names(['wall', 'traffic light', 'Traffic_Light ', 'light'])
    assert "'traffic light' and 'Traffic_Light ' give the same prompt" in said[0]
    assert len(said) == 1
