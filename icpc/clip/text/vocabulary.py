"""Class names to CLIP's tokens, packed without padding for the shared-prefix encoding."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

logger = logging.getLogger('icpc')

START, END = 49406, 49407  # open_clip.tokenizer.SimpleTokenizer: <start_of_text>, <end_of_text>


@cache
def _tokenizer() -> object:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def prompt_name(name: str) -> str:
    """A class name as a prompt has it: underscores are spaces, no outer or double ones.

    MMSegmentation's ADE20K list holds ``'bed '`` with a trailing space, for one.
    """
    return ' '.join(name.replace('_', ' ').split())


def imagenet_templates() -> list[str]:
    """CLIP's 80 sentences for ImageNet, each with ``{}`` for the name (open_clip's list)."""
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    return [template('{}') for template in OPENAI_IMAGENET_TEMPLATES]


def shuffled(names: Sequence[str], seed: int) -> list[str]:
    """The names in a fixed order in which no class has a text that reads as its own.

    Names whose tokens are equal read alike: repeated ones, and those that differ in case, spaces or
    underscores.

    Raises:
        ValueError: there is one name alone, or more than half of the classes read alike.
    """
    if len(names) < 2:
        raise ValueError('model.shuffle_names needs at least two classes')
    texts = [tuple(tokenize(prompt_name(name))) for name in names]
    text, count = Counter(texts).most_common(1)[0]
    if 2 * count > len(names):
        alike = [name for name, other in zip(names, texts, strict=True) if other == text]
        raise ValueError(
            f'model.shuffle_names: {count} of {len(names)} class names read alike '
            f'({", ".join(map(repr, alike[:10]))}), so that some class would keep its own text; '
            'give the classes different names'
        )
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(names), generator=generator)
    # Those that read alike stand together on a random round trip through all classes, on which each
    # class takes the name that stands `count` before its own: outside of its group.
    first = {texts[k]: place for place, k in reversed([*enumerate(order.tolist())])}
    order = torch.tensor(sorted(order.tolist(), key=lambda k: first[texts[k]]))
    taken = torch.empty_like(order)
    taken[order] = order.roll(count)
    return [names[index] for index in taken.tolist()]


def tokenize(text: str) -> list[int]:
    """CLIP's byte-pair tokens of a text, without start and end token.

    Raises:
        ValueError: nothing is left of the text.
    """
    tokens = _tokenizer().encode(text)
    if not tokens:
        raise ValueError(f'class name or prompt {text!r} has no tokens; give it a readable name')
    return tokens


def split_shared_prefix(prompts: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Tokens that all prompts begin with, and what is left of each (at least one token)."""
    longest = min(len(tokens) for tokens in prompts) - 1
    first = prompts[0]
    length = 0
    while length < longest and all(tokens[length] == first[length] for tokens in prompts):
        length += 1
    return list(first[:length]), [list(tokens[length:]) for tokens in prompts]


def _say_equal_prompts(names: Sequence[str], tokens: Sequence[list[int]]) -> None:
    """Names the classes that the text tower cannot tell apart."""
    first: dict[tuple[int, ...], str] = {}
    for name, words in zip(names, tokens, strict=True):
        twin = first.setdefault(tuple(words), name)
        if twin is not name:
            logger.info(
                f'class_names: {twin!r} and {name!r} give the same prompt, so their text is equal; '
                'rename one of them'
            )


class PackedNames(nn.Module):
    """The name tokens of K classes and their end tokens, names of equal length side by side.

    No name is padded: T = sum over classes of (tokens of the name + 1).

    Args:
        names: K readable names, for error messages.
        tokens: for each class the tokens that follow the shared prefix, without the end token.

    Attributes:
        ids: (T,) token ids.
        offsets: (T,) place of a token within its name, from 0.
        ends: (K,) index into T of each packed name's end token.
        order: (K,) packed place of each class, to restore the class order.
        future: (L, L) of the longest name, true where a token must not look: causal attention.
        groups: (first token, names, tokens per name) of each length.
    """

    def __init__(self, names: Sequence[str], tokens: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.tokens = tuple(tuple(name) for name in tokens)
        lengths = [len(name) + 1 for name in tokens]
        packed = sorted(range(len(tokens)), key=lambda k: lengths[k])
        ids = [token for k in packed for token in (*tokens[k], END)]
        offsets = [place for k in packed for place in range(lengths[k])]
        ends = torch.tensor([lengths[k] for k in packed]).cumsum(0) - 1
        self.groups: list[tuple[int, int, int]] = []
        start = 0
        for length in sorted(set(lengths)):
            count = lengths.count(length)
            self.groups.append((start, count, length))
            start += count * length
        self.max_length = max(lengths)
        for name, value in dict(
            ids=torch.tensor(ids),
            offsets=torch.tensor(offsets),
            ends=ends,
            order=torch.tensor(packed).argsort(),
            future=torch.ones(self.max_length, self.max_length, dtype=torch.bool).triu(1),
        ).items():
            self.register_buffer(name, value, persistent=False)

    @classmethod
    def from_names(cls, names: Sequence[str], suffix: str = '') -> 'PackedNames':
        """Packs plain class names, each followed by the same words or marks."""
        behind = tokenize(suffix) if suffix else []
        tokens = [tokenize(prompt_name(name)) + behind for name in names]
        _say_equal_prompts(names, tokens)
        return cls(names, tokens)

    def check_budget(self, prefix: int, positions: int) -> None:
        """Raises ValueError that names the classes too long for the position table."""
        room = positions - prefix
        long = [
            f'{name!r} ({len(tokens) + 1} tokens)'
            for name, tokens in zip(self.names, self.tokens, strict=True)
            if len(tokens) + 1 > room
        ]
        if long:
            raise ValueError(
                f'{len(long)} of {len(self.names)} class names do not fit: the text tower has '
                f'{positions} positions, {prefix} are taken by the start token and the contexts, '
                f'{room} are left for name and end token, but these need more: '
                f'{", ".join(long[:10])}. Shorten the names, or use fewer context tokens.'
            )

    def split(self, tokens: int) -> list['PackedNames']:
        """The packed names in parts of at most ``tokens`` tokens each, or of one name.

        Parts follow the packed order, in which ``order`` finds the classes; one part is ``self``.
        """
        if tokens >= len(self.ids):
            return [self]
        parts: list[list[int]] = []
        room = 0
        for k in sorted(range(len(self.tokens)), key=lambda k: len(self.tokens[k])):
            length = len(self.tokens[k]) + 1
            if length > room:
                parts.append([])
                room = max(tokens, length)
            parts[-1].append(k)
            room -= length
        return [
            PackedNames([self.names[k] for k in part], [self.tokens[k] for k in part]).to(
                self.ids.device
            )
            for part in parts
        ]

    def embed(self, embedding: nn.Embedding, positions: Tensor, prefix: int) -> Tensor:
        """(T, W) embeddings of the name tokens standing behind ``prefix`` positions."""
        return embedding(self.ids) + positions[prefix + self.offsets]
