"""Wrong values, and ways to put them into texts, trees and bytes; all by a seed."""

import copy
import random
from typing import Any

VALUES = [
    *(None, True, False, 0, -1, 1, 2, 3, 2**31, 2**63, -(2**64), 10**400, 0.0, -0.5, 1e-300, 1e308),
    *(float('nan'), float('inf'), '', ' ', 'x', 'a.b', '../..', '/proc/self/mem', '/dev/full'),
    *('a' * 5000, 'é\n\t"\'`|<script>', '\0', '\ud800', '${lr}', '${', '${nothing}', '${1/0}'),
    *('${' + '-' * 3000 + '1}', 'os.system', 'mmseg::x', 'http://x', '{{fileDirname}}', '$HOME'),
    *([], {}, (), [[]], [None], [1, 2, 3], [0, 0], ['x'], {'type': None}, {'type': 'Nothing'}),
    *(
        {'type': 'os.system'},
        {'type': 'ReLU'},
        {'_delete_': True},
        {'x': {'y': [{}]}},
        [{}],
        (0, 1),
    ),
]


def wrong(rng: random.Random) -> Any:
    """One value, not shared."""
    return copy.deepcopy(rng.choice(VALUES))


def leaves(tree: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all values in nested dicts and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in items:
        found.append((*path, key))
        if isinstance(value, (dict, list)):
            found += leaves(value, (*path, key))
    return found


def mutate_tree(tree: Any, rng: random.Random) -> Any:
    """A copy with one to three values replaced, taken out or put elsewhere."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        paths = leaves(tree)
        if not paths:
            return wrong(rng)
        *above, last = rng.choice(paths)
        node = tree
        for key in above:
            node = node[key]
        kind = rng.random()
        if kind < 0.7:
            node[last] = wrong(rng)
        elif kind < 0.85:
            del node[last]
        elif isinstance(node, dict):
            node[str(wrong(rng))] = node.pop(last)
    return tree


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Cut, flipped, repeated or filled bytes."""
    data, place = bytearray(data), rng.randrange(max(1, len(data)))
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(data[:place])
    if kind == 1:
        for _ in range(rng.choice((1, 3, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        data[place:place] = rng.randbytes(rng.choice((1, 8, 100)))
    elif kind == 3:
        del data[place : place + rng.choice((1, 8, 100))]
    elif kind == 4:
        data[place : place + 8] = rng.choice((b'\xff', b'\0', b'[', b'9')) * 8
    else:
        data[place:place] = rng.choice((b'[', b'{"a":', b'9', b'(')) * 20_000
    return bytes(data)


def mutate_text(text: str, rng: random.Random) -> bytes:
    """A program with lines and values changed; mostly one that still can be parsed."""
    lines = text.splitlines()
    for _ in range(rng.choice((1, 1, 2))):
        number = rng.randrange(len(lines))
        kind = rng.randrange(6)
        name, mark, _ = lines[number].partition('=')
        if kind < 3 and mark:
            end = ',' if lines[number].rstrip().endswith(',') else ''
            lines[number] = f'{name}={_literal(rng)}{end}'
        elif kind == 3:
            lines.insert(number, lines[rng.randrange(len(lines))])
        elif kind == 4:
            del lines[number]
        else:
            lines.append(rng.choice(_STATEMENTS))
    whole = '\n'.join(lines)
    return mutate_bytes(whole.encode(), rng) if rng.random() < 0.15 else whole.encode()


def _literal(rng: random.Random) -> str:
    return repr(wrong(rng)).replace('inf', "float('inf')").replace('nan', "float('nan')")


_STATEMENTS = (
    *('import sys; sys.exit(0)', 'raise ValueError', '1 / 0', 'x = [' * 300, '_base_ = []'),
    *(
        '_base_ = ["./toy.py"]',
        'overrides = {"lr": 1}',
        'overrides = 3',
        'x = input()',
        'model = 3',
    ),
    *('custom_imports = dict(imports=["nothing"])', 'del model', 'x = ' + '-' * 9000 + '1'),
    *('def f(): return f()\nx = f()', 'x = lambda: 1', 'import os', 'x = {1: 2}', 'model[0] = 1'),
)
