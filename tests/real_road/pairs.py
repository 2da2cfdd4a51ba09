"""A table of runs in which every pair of values that go together occurs, and every config."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
Row = dict[str, object]  # factor -> value; `config` is no factor but follows from three of them
Pair = tuple[tuple[str, object], tuple[str, object]]

SWITCHES: dict[str, tuple] = {
    'parallel': ('ddp', 'fsdp2'),
    'ranks': (1, 2),
    'amp': (None, 'bf16', 'fp16'),
    'compile': (False, True),
    'recompute': (False, True),
    'passes': (1, 2),
    'ema': (None, 0.9),
    'workers': (0, 1),
}
# What the project refuses; tests/config/test_switches.py holds the refusals.
REFUSED: tuple[Pair, ...] = (
    (('parallel', 'fsdp2'), ('ranks', 1)),
    (('parallel', 'fsdp2'), ('amp', 'fp16')),
    (('parallel', 'fsdp2'), ('compile', True)),
    (('compile', True), ('recompute', True)),
)


def leaves() -> list[Row]:
    """Each config of a published dataset: method, tower and dataset as its name has them."""
    rows = []
    for path in sorted(CONFIGS.glob('*/*_80k_*.py')):
        method, tower, _, _, data = path.stem.split('_')
        rows.append(dict(data=data.rpartition('-')[0], method=method, tower=tower, config=path))
    return rows


def table() -> list[Row]:
    """Greedy: each config once, then rows that hold a pair which has not occurred."""
    configs, rows, seen = leaves(), [], Counter()
    wanted = sorted(allowed_pairs(configs), key=repr)
    for leaf in configs:
        rows.append(_filled([leaf], {}, seen))
        seen.update(pairs_of(rows[-1]))
    for pair in wanted:
        if not seen[pair]:
            rows.append(_filled(configs, dict(pair), seen))
            seen.update(pairs_of(rows[-1]))
    return rows


def every_value(rows: list[Row]) -> list[Row]:
    """Few of the rows, and quick ones, that hold every value of every factor once."""
    missing = {item for row in rows for item in row.items() if item[0] != 'config'}
    chosen = []
    while missing:
        best = max(rows, key=lambda row: (len(missing & set(row.items())), -_cost(row)))
        chosen.append(best)
        missing -= set(best.items())
    return chosen


def _cost(row: Row) -> int:
    """Seconds beyond those of any row, about."""
    dear = dict(ranks=(2, 6), parallel=('fsdp2', 4), compile=(True, 8))
    return sum(seconds for factor, (value, seconds) in dear.items() if row.get(factor) == value)


def pairs_of(row: Row) -> Iterator[Pair]:
    """In the order of the factors' names."""
    return combinations(sorted(item for item in row.items() if item[0] != 'config'), 2)


def allowed_pairs(configs: list[Row]) -> set[Pair]:
    """Of switches with switches and with what configs are of; of the latter those that exist."""
    found = {pair for leaf in configs for pair in pairs_of(leaf)}
    values = [(factor, value) for factor, known in SWITCHES.items() for value in known]
    owned = {item for leaf in configs for item in leaf.items() if item[0] != 'config'}
    mixed = [*combinations(values, 2), *((value, item) for value in values for item in owned)]
    pairs = {tuple(sorted(pair, key=lambda item: item[0])) for pair in mixed}
    return found | {pair for pair in pairs if pair[0][0] != pair[1][0] and not _refused(pair)}


def _filled(configs: list[Row], given: Row, seen: Counter[Pair]) -> Row:
    """A whole row that holds what is given, and of each factor the value of the rarest pairs."""
    fitting = [leaf for leaf in configs if all(leaf.get(k, v) == v for k, v in given.items())]
    row = max(({**given, **leaf} for leaf in fitting), key=lambda row: _gain(row, seen))
    for factor, values in SWITCHES.items():
        tried = [{**row, factor: value} for value in values if factor not in row]
        tried = [new for new in tried if not any(map(_refused, pairs_of(new)))]
        row = max(tried, key=lambda new: _gain(new, seen), default=row)
    return row


def _gain(row: Row, seen: Counter[Pair]) -> float:
    """A new pair counts most, one that has occurred once more than one that often has."""
    return sum(0.1 ** seen[pair] for pair in pairs_of(row)) - 0.01 * _cost(row)


def _refused(pair: Iterable) -> bool:
    return any(set(pair) == set(refused) for refused in REFUSED)
