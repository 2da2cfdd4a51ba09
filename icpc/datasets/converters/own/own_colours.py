"""The colours of your classes: of masks that are coloured, and of drawings."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import UserError
from ....foreign_files.open_picture import open_picture
from ....names_file import read_lines

Colour = tuple[int, int, int]
_COLOUR = r'#[0-9a-fA-F]{6}|\d+[\s,;]+\d+[\s,;]+\d+'
_LINES = (  # a colour, then perhaps a name; or the name first
    re.compile(rf'(?P<colour>{_COLOUR})(?:[\s,;]+(?P<name>\S.*))?'),
    re.compile(rf'(?P<name>.*?\S)[\s,;:]+(?P<colour>{_COLOUR})'),
)
_SHOWN = 5


@dataclass(frozen=True)
class Colours:
    """Colours of masks.

    Attributes:
        classes: Red, green, blue (0..255) of each name, in their order.
        void: Those that are none of a class.
    """

    classes: tuple[Colour, ...]
    void: tuple[Colour, ...] = ()

    def __post_init__(self) -> None:
        every = self.classes + self.void
        twice = [colour for colour in every if every.count(colour) > 1]
        if twice:
            raise UserError(f'--palette: the colour {_text(twice[0])} comes twice')


def read_colours(path: Path, names: tuple[str, ...]) -> Colours:
    """A palette file: a colour a line, as `R G B` or `#rrggbb`, before or after its name.

    Without names the lines are in the order of the classes. Other names than theirs are void.

    Args:
        path: The file.
        names: Class names.

    Raises:
        UserError: A missing file, a line that is no colour, or not one colour for each name.
    """
    where = f'--palette {path}'
    if not path.is_file():
        raise UserError(f'{where}: cannot be read (no such file)')
    lines = read_lines(path, where)
    rows = [_row(line.strip(), number, where) for number, line in enumerate(lines, 1)]
    rows = [row for row in rows if row is not None]
    named = [name for name, _ in rows if name]
    if not named:
        if len(rows) != len(names):
            raise UserError(
                f'{where}: {len(rows)} colours without names for {len(names)} class names; give '
                'one for each, in their order, or write the name behind each colour'
            )
        return Colours(tuple(colour for _, colour in rows))
    if len(named) < len(rows):
        raise UserError(f'{where}: some colours have a name and some have none')
    twice = [name for name in names if named.count(name) > 1]
    lacking = [name for name in names if name not in named]
    if twice or lacking:
        what = f'{twice[0]!r} comes twice' if twice else f'no colour of the class {lacking[0]!r}'
        raise UserError(f'{where}: {what}; give one colour for each name of --names')
    table = dict(rows)
    void = tuple(colour for name, colour in rows if name not in names)
    return Colours(tuple(table[name] for name in names), void)


def decode_colours(content: bytes, colours: Colours | None) -> np.ndarray | None:
    """(H, W) places of the classes, -1 for void; None for a mask that is not coloured.

    Raises:
        UserError: A coloured mask without a palette, or with a colour that it lacks.
    """
    with open_picture(io.BytesIO(content)) as picture:
        if picture.mode not in ('RGB', 'RGBA'):
            return None
        if colours is None:
            raise UserError(
                f'a mask of mode {picture.mode}, expected one channel of class ids; if its colours '
                'are the classes, give --palette FILE with the colour of each name'
            )
        pixels = np.array(picture.convert('RGB')).astype(np.int32)
    codes = pixels @ np.array([65536, 256, 1], dtype=np.int32)  # (H, W)
    places = {_code(colour): place for place, colour in enumerate(colours.classes)}
    places |= {_code(colour): -1 for colour in colours.void}
    found, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    strange = [i for i, code in enumerate(found.tolist()) if code not in places]
    if strange:
        code = int(found[strange[0]])
        first = _text((code >> 16, code >> 8 & 255, code & 255))
        hint = (
            'edges of mixed colours come from JPEG or smooth scaling, which spoil a mask'
            if len(strange) > _SHOWN
            else f'if it is void, add a line `{first} void`'
        )
        raise UserError(
            f'the colour {first} ({counts[strange[0]]} pixels; {len(strange)} such colours) is not '
            f'in --palette; {hint}'
        )
    new = np.array([places[code] for code in found.tolist()])
    return new[inverse.reshape(codes.shape)]


def _row(line: str, number: int, where: str) -> tuple[str, Colour] | None:
    if not line:
        return None
    match = next(filter(None, (form.fullmatch(line) for form in _LINES)), None)
    text = match['colour'] if match else ''
    if text.startswith('#'):
        values = [int(text[i : i + 2], 16) for i in (1, 3, 5)]
    else:
        values = [int(value) for value in re.findall(r'\d+', text)]
    if len(values) != 3 or max(values) > 255:
        raise UserError(
            f'{where}: line {number} ({line!r}) is no colour; write `R G B` of 0..255 or '
            '`#rrggbb`, and the name beside it'
        )
    return (match['name'] or '').strip(), (values[0], values[1], values[2])


def _code(colour: Colour) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def _text(colour: Colour) -> str:
    return ' '.join(map(str, colour))
