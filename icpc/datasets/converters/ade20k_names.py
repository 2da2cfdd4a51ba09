"""Names of the full ADE20K: tables given by the user, and one short name for each prompt."""

import ast
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError
from ...names_file import read_lines


class Category(NamedTuple):
    """A class of the full ADE20K."""

    id: int  # of `_seg.png`
    name: str  # all synonyms, separated by ', '


def prompt_names(table: list[Category]) -> list[str]:
    """The first synonym of each, or where classes share it the first that only this class has.

    `screen, crt screen` and `screen door, screen` and plain `screen` all differ that way.
    """
    synonyms = [[part.strip() for part in category.name.split(',')] for category in table]
    first = Counter(names[0] for names in synonyms)
    taken = {names[0] for names in synonyms if first[names[0]] == 1}
    # Classes with a single name keep it; the others have something else to go by.
    order = sorted(range(len(table)), key=lambda i: len(synonyms[i]))
    chosen: dict[int, str] = {}
    for i in order:
        names = synonyms[i]
        if first[names[0]] == 1:
            chosen[i] = names[0]
            continue
        free = [name for name in names if name not in taken]
        chosen[i] = free[0] if free else f'{table[i].name} {table[i].id}'
        taken.add(chosen[i])
    return [chosen[i] for i in range(len(table))]


def read_table(path: Path) -> list[Category]:
    """Classes in the order of their training ids.

    Args:
        path: Lines "id<TAB>name"; or a list of {"id", "name", "trainId"} as JSON, or as it stands
            in a Python file, which is parsed and not executed.

    Raises:
        UserError: When the file is missing or holds no such table, or an id twice.
    """
    if not path.is_file():
        raise UserError(f'--table {path}: no such file')
    text = '\n'.join(read_lines(path, f'--table {path}'))
    try:
        if path.suffix in ('.json', '.py'):
            rows = json.loads(text) if path.suffix == '.json' else _list_in(text)
            rows = sorted(rows, key=lambda row: row.get('trainId', 0))
            table = [Category(int(row['id']), str(row['name'])) for row in rows]
        else:
            lines = [line.split('\t', 1) for line in text.splitlines() if line.strip()]
            table = [Category(int(number), name.strip()) for number, name in lines]
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError) as error:
        raise UserError(
            f'--table {path}: not a table of classes ({error}); give lines "id<TAB>name", or a '
            'list of {"id", "name", "trainId"} as .json or .py'
        ) from error
    twice = [number for number, count in Counter(c.id for c in table).items() if count > 1]
    if twice or not table:
        raise UserError(f'--table {path}: ' + (f'id {twice[0]} twice' if twice else 'it is empty'))
    return table


def _list_in(text: str) -> list[dict]:
    """The first list of dicts that a Python file assigns."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            value = ast.literal_eval(node.value)
            if value and isinstance(value[0], dict):
                return value
    raise ValueError('no list of dicts is assigned in it')
