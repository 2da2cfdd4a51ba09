"""Files of image tags: which classes a picture shows, without saying where."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import UserError, did_you_mean
from ...files import write_text_atomically
from ...names_file import read_lines

Tags = dict[str, tuple[str, ...]]


class TagFile:
    """The tags of pictures from a CSV or JSON file.

    A CSV has a row for each picture: its name, then the names of its classes, a cell each. A JSON
    is ``{"picture": ["class", ...]}``. Names of pictures are without suffix; a picture that shows
    none of the classes has an empty list.

    Args:
        path: a ``.csv`` or ``.json`` file.

    Attributes:
        tags: name of a picture -> names of its classes.

    Raises:
        UserError: no such file, another format, or a picture that comes twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(
                f'{self.path}: no such file of tags; write one, a CSV (picture,class,class) or a '
                'JSON ({"picture": ["class", ...]}), or let `icpc weakly` write it from masks, '
                'XML or COCO annotations'
            )
        if self.path.suffix not in ('.csv', '.json'):
            raise UserError(f'{self.path}: tags stand in a .csv or a .json file')
        self._lines: dict[str, int] = {}
        self.tags: Tags = self._csv() if self.path.suffix == '.csv' else self._json()

    def _csv(self) -> Tags:
        tags: Tags = {}
        lines = read_lines(self.path, str(self.path))
        for number, row in self._rows(lines):
            name, *classes = (cell.strip() for cell in row)
            if not name:
                raise UserError(
                    f'{self.path}, line {number}: no picture before {", ".join(classes)}'
                )
            if name in tags:
                raise UserError(
                    f'{self.path}, line {number}: {name} has a line already, line '
                    f'{self._lines[name]}; write all its classes into one'
                )
            tags[name], self._lines[name] = tuple(filter(None, classes)), number
        return tags

    def _rows(self, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not empty, with the line at which it begins."""
        reader = csv.reader(lines, skipinitialspace=True, strict=True)
        first = 1
        try:
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield first, row
                first = reader.line_num + 1
        except csv.Error as error:
            raise UserError(f'{self.path}, line {first}: {error}: a quote?') from error

    def _json(self) -> Tags:
        text = '\n'.join(read_lines(self.path, str(self.path)))

        def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
            names = [name for name, _ in pairs]
            twice = (
                next((name for name in names if names.count(name) > 1), None)
                if (len(set(names)) < len(names))
                else None
            )
            if twice is not None:
                raise UserError(f'{self.path}: {twice} comes twice; write all its classes once')
            return dict(pairs)

        try:
            tree = json.loads(text, object_pairs_hook=unique)
        except (ValueError, RecursionError) as error:
            raise UserError(f'{self.path}: no JSON: {error}') from error
        if not isinstance(tree, dict):
            raise UserError(f'{self.path}: must be {{"picture": ["class", ...]}}')
        for name, classes in tree.items():
            if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes):
                raise UserError(
                    f'{self._where_json(text, name)}: the tags of {name} must be a list of class '
                    f'names, got {classes!r}'
                )
        self._text = text
        return {name: tuple(classes) for name, classes in tree.items()}

    def _where_json(self, text: str, name: str) -> str:
        place = text.find(json.dumps(name, ensure_ascii=False))
        place = text.find(json.dumps(name)) if place < 0 else place
        return f'{self.path}, line {text.count(chr(10), 0, max(place, 0)) + 1}'

    def _where(self, name: str) -> str:
        if self.path.suffix == '.csv':
            return f'{self.path}, line {self._lines[name]}'
        return self._where_json(self._text, name)

    def _instead_of(self, picture: str) -> str:
        """What a file may hold for a picture that it lacks."""
        for name in self.tags:
            rest = name.removeprefix(picture)
            if rest != name and rest[0] in ';\t':
                return f'; {name!r} is one name: write commas between names'
            if rest != name and rest == Path(name).suffix:
                return f'; it has {name}: write names of pictures without their suffix'
        return did_you_mean(picture, self.tags)

    def vectors(self, pictures: Iterable[str], classes: Sequence[str]) -> dict[str, np.ndarray]:
        """The tags of some pictures as (K,) zeros and ones, float32.

        Args:
            pictures: names without suffix.
            classes: K names, without the background.

        Raises:
            UserError: a picture without tags, or a tag that is no class.
        """
        places = {name: index for index, name in enumerate(classes)}
        vectors, lost = {}, []
        for picture in pictures:
            if picture not in self.tags:
                lost.append(picture)
                continue
            vector = np.zeros(len(classes), np.float32)
            for tag in self.tags[picture]:
                if tag not in places:
                    near = did_you_mean(tag, classes)
                    near = near or f' (classes are {", ".join(classes)})'
                    raise UserError(f'{self._where(picture)}: {tag!r} is no class{near}')
                vector[places[tag]] = 1
            vectors[picture] = vector
        if lost:
            near = self._instead_of(lost[0])
            raise UserError(
                f'{self.path}: {len(lost)} of {len(lost) + len(vectors)} pictures have no tags, '
                f'among them {", ".join(lost[:5])}{near}'
            )
        return vectors


def write_tags(tags: Mapping[str, Iterable[str]], path: Path) -> None:
    """Write tags as JSON, a picture a line, so that a message can name the line.

    Args:
        tags: name of a picture without suffix -> names of its classes.
        path: a ``.json`` file.
    """
    lines = [f' {json.dumps(name)}: {json.dumps(list(tags[name]))}' for name in sorted(tags)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically('{\n' + ',\n'.join(lines) + '\n}\n', path)
