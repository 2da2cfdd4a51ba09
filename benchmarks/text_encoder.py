"""What the shared-prefix text encoding costs beside the ways of the predecessors.

Forward and backward to the contexts, float32, RN50's text tower with random weights (the time does
not depend on them), all ways interleaved in one process; medians. Ways:

- ours: one prefix per image, shared by all classes, names packed without padding;
- ours static: the same with one prefix for all images;
- denseclip: B x K prompts padded to 13 positions, weight gradients (DenseCLIP's way, per image);
- denseclip static: K prompts padded to 13 positions once, weight gradients (as published);
- 77: B x K prompts padded to 77 positions, frozen weights.

Class names: ADE20K's 150, beyond that over again: nothing is shared between equal names, the cost
depends on their lengths alone (1.2 tokens on average). ``--names imagenet`` takes the first K of
ImageNet's that fit into DenseCLIP's 13 positions (1.9 tokens on average).
"""

import argparse
import copy
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

CONTEXTS = 8  # DenseCLIP
POSITIONS = 13  # DenseCLIP: start, 8 contexts, 3 name tokens, end
REPEATS = 3  # more of ours in a round, which are short


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--classes', type=int, default=150)
    parser.add_argument('--names', choices=('ade20k', 'imagenet'), default='ade20k')
    parser.add_argument('--batch', type=int, default=2)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--alone', action='store_true', help='our share of the peak, nothing else')
    parser.add_argument('--model', default='RN50-quickgelu', help='an open_clip architecture')
    return parser.parse_args()


def class_names(count: int, source: str = 'ade20k') -> list[str]:
    """K names that fit into DenseCLIP's positions."""
    from mmseg.utils import get_classes
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    from icpc.clip.text.vocabulary import tokenize

    if source == 'ade20k':
        return list(itertools.islice(itertools.cycle(get_classes('ade')), count))
    room = POSITIONS - 2 - CONTEXTS
    names = [name for name in IMAGENET_CLASSNAMES if len(tokenize(name)) <= room]
    if count > len(names):
        raise SystemExit(f'--classes {count}: ImageNet has {len(names)} names of {room} tokens')
    return names[:count]


class PaddedWay(nn.Module):
    """Every prompt apart, padded to one length, through open_clip's blocks."""

    def __init__(self, encoder: nn.Module, names: nn.Module, positions: int, train: bool) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(train)
        self.encoder.token_embedding.requires_grad_(False)
        rows = torch.zeros(len(names.tokens), positions - 1 - CONTEXTS, dtype=torch.long)
        for row, tokens in zip(rows, names.tokens, strict=True):
            row[: len(tokens) + 1] = torch.tensor([*tokens, 49407])
        self.ids = rows
        self.ends = 1 + CONTEXTS + torch.tensor([len(tokens) for tokens in names.tokens])

    def forward(self, contexts: Tensor, chunk: slice = slice(None)) -> Tensor:
        """(B, N, W) -> (B, K, D)."""
        ids = self.ids[chunk]
        embed, batch, classes = self.encoder.token_embedding, len(contexts), len(ids)
        start = embed.weight[49406].expand(batch, classes, 1, -1)
        middle = contexts[:, None].expand(-1, classes, -1, -1)
        rest = embed(ids).expand(batch, -1, -1, -1)
        prompts = torch.cat([start, middle, rest], dim=2).flatten(0, 1)
        text = self.encoder.encode_embeddings(prompts, self.ends[chunk].repeat(batch))
        return text.reshape(batch, classes, -1)


def kept_bytes(forward: Callable[[], Tensor], parameters: set[int]) -> int:
    """Bytes of distinct storages that autograd keeps for backward, weights left out."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = forward()
    del out
    return sum(storages.values())


def seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def matrix_rate(size: int = 2048) -> float:
    """FLOP/s of a large float32 matrix product, the best of three."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(3))


class Shares:
    """FLOP/s of a step over those of a large matrix product right before it."""

    def __init__(self, step: Callable[[], None]) -> None:
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:  # a warm-up, too
            step()
        self.step, self.flops = step, counter.get_total_flops()
        self.found: list[float] = []

    def measure(self) -> float:
        """Seconds of one more step."""
        rate = matrix_rate()
        took = seconds(self.step)
        self.found.append(self.flops / took / rate)
        return took


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    from icpc.clip import PackedNames, TextEncoder, load_clip

    torch.manual_seed(0)
    encoder = TextEncoder(load_clip(args.model))
    names = PackedNames.from_names(class_names(args.classes, args.names))
    if args.alone:
        contexts = torch.randn(args.batch, CONTEXTS, encoder.width, requires_grad=True)
        shares = Shares(lambda: encoder(contexts, names).sum().backward())
        for _ in range(args.rounds):
            shares.measure()
        print(f'peak_share: {statistics.median(shares.found):.3f}')
        return
    padded = PaddedWay(encoder, names, POSITIONS, train=True)
    whole = PaddedWay(encoder, names, encoder.num_positions, train=False)
    contexts = torch.randn(args.batch, CONTEXTS, encoder.width, requires_grad=True)
    shared = torch.randn(1, CONTEXTS, encoder.width, requires_grad=True)
    checkpointed = copy.deepcopy(encoder)
    checkpointed.checkpointing = True

    def ours(x: Tensor, tower: nn.Module = encoder) -> Callable[[], Tensor]:
        return lambda: tower(x, names)

    def step(forward: Callable[[], Tensor]) -> Callable[[], None]:
        def run() -> None:
            forward().sum().backward()
            padded.zero_grad(set_to_none=True)

        return run

    def whole_step() -> None:  # in chunks of classes: all at once would not fit into memory
        for first in range(0, args.classes, 50):
            whole(contexts, slice(first, first + 50)).sum().backward()

    def half_step() -> None:
        with torch.autocast('cpu', dtype=torch.bfloat16):
            out = encoder(contexts, names)
        out.float().sum().backward()

    ways = {
        'ours': step(ours(contexts)),
        'ours static': step(ours(shared)),
        'ours, checkpointed': step(ours(contexts, checkpointed)),
        'ours, bf16': half_step,
        f'denseclip, {POSITIONS} positions': step(lambda: padded(contexts)),
        'denseclip static': step(lambda: padded(shared)),
        f'{encoder.num_positions} positions': whole_step,
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    shares = Shares(ways['ours'])
    for way, run in ways.items():
        if way != 'ours' and run is not whole_step:
            run()
    for _ in range(args.rounds):
        for way, run in ways.items():
            times[way].append(seconds(run))
        times['ours'] += [shares.measure() for _ in range(REPEATS)]
    weights = {p.untyped_storage().data_ptr() for p in encoder.parameters()}
    weights |= {p.untyped_storage().data_ptr() for p in padded.parameters()}
    weights |= {b.untyped_storage().data_ptr() for b in names.buffers()}
    kept = {
        'ours': kept_bytes(ours(contexts), weights),
        'ours static': kept_bytes(ours(shared), weights),
        'ours, checkpointed': kept_bytes(ours(contexts, checkpointed), weights),
        f'denseclip, {POSITIONS} positions': kept_bytes(lambda: padded(contexts), weights),
        'denseclip static': kept_bytes(lambda: padded(shared), weights),
    }
    report(args, ways, times, kept, statistics.median(shares.found))


def report(
    args: argparse.Namespace,
    ways: dict,
    times: dict[str, list[float]],
    kept: dict[str, int],
    peak_share: float,
) -> None:
    median = {way: statistics.median(values) for way, values in times.items()}
    table = Table(
        title=f'{args.model} text tower, K = {args.classes} ({args.names}), B = {args.batch}, '
        f'{args.threads} thread(s), median of {args.rounds}'
    )
    for column in ('way', 'seconds', 'times ours', 'MiB kept for backward'):
        table.add_column(column, justify='left' if column == 'way' else 'right')
    for way in ways:
        mib = f'{kept[way] / 2**20:.0f}' if way in kept else '-'
        table.add_row(way, f'{median[way]:.3f}', f'{median[way] / median["ours"]:.2f}', mib)
    Console(width=100).print(table)
    denseclip = f'denseclip, {POSITIONS} positions'
    last = list(ways)[-1]
    print(f'checkpointed_over_ours: {median["ours, checkpointed"] / median["ours"]:.2f}')
    print(f'bf16_over_ours: {median["ours, bf16"] / median["ours"]:.2f}')
    print(f'over_denseclip: {median[denseclip] / median["ours"]:.2f}')
    print(f'over_77: {median[last] / median["ours"]:.2f}')
    print(f'peak_share: {peak_share:.3f}')
    print(f'kept_share: {kept["ours"] / kept[denseclip]:.4f}')
    print(f'dynamic_under_static: {median["denseclip static"] / median["ours"]:.2f}')


if __name__ == '__main__':
    main()
