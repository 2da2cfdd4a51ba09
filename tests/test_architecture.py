"""docs/architecture.md names every room, and no file that is not there."""

import re
from itertools import pairwise, product
from pathlib import Path

from test_imports import MAY_USE

import icpc
from icpc import parts

PACKAGE = Path(icpc.__file__).parent
PAGE = (PACKAGE.parent / 'docs' / 'architecture.md').read_text()
(PICTURE,) = re.findall(r'```mermaid\n(.*?)```', PAGE, re.S)
ROOMS = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    (text,) = re.findall(rf'^## {title}\n(.*?)(?=^## |\Z)', PAGE, re.M | re.S)
    lines = [line for line in text.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[2:]]


def test_every_room_has_its_row():
    named = [room for room, *_ in rows('What is in a room, and where to change what') if room]
    assert sorted(named) == sorted([*(f'`icpc/{room}`' for room in ROOMS), '`icpc/*.py`'])


def test_every_room_is_in_the_picture():
    assert {room for room in ROOMS if re.search(rf'\b{room}\b', PICTURE)} == ROOMS


def test_arrows_of_the_picture_are_imports_that_are_allowed():
    nodes = [line.split('-->') for line in re.sub(r'\[".*?"\]', '', PICTURE).splitlines()]
    arrows = [
        (user.strip(), used.strip())
        for chain in nodes
        for users, useds in pairwise(chain)
        for user, used in product(users.split('&'), useds.split('&'))
    ]
    found = [(user, used) for user, used in arrows if user in MAY_USE and used in MAY_USE]
    assert len(found) > 12
    assert [(user, used) for user, used in found if used not in MAY_USE[user]] == []


def test_the_files_to_open_are_there():
    room = ''
    for first, *_, files in rows('What is in a room, and where to change what'):
        room = first.strip('`').removeprefix('icpc/').removesuffix('*.py') or room
        room = '' if first == '`icpc/*.py`' else room
        named = re.findall(r'`(.+?)`', files)
        assert named
        assert [name for name in named if not (PACKAGE / room / name).is_file()] == []


def test_other_files_that_the_page_names_are_there():
    for title in ('The life of one step', 'The life of a run'):
        named = [
            name for row in rows(title) for name in re.findall(r'`([\w/]+/\w+\.py)`', str(row))
        ]
        roots = (PACKAGE, PACKAGE.parent)
        assert [n for n in named if not any((root / n).is_file() for root in roots)] == []


def test_every_contract_is_in_the_table():
    named = [name for row in rows('The contracts') for name in re.findall(r'`(\w+)`', row[0])]
    written = [
        name
        for name, value in vars(parts).items()
        if isinstance(value, type) and value.__module__ == parts.__name__
    ]
    assert sorted(named) == sorted(written)
