"""Shapes of the thing classes: tables of simple forms in a box one unit high.

Coordinates: x to the right of the middle, y upwards from the feet, in heights of the thing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Random = np.random.RandomState


class Form(NamedTuple):
    """One simple form of a thing.

    Attributes:
        kind: "ellipse" (x, y, half width, half height), "box" (the same) or "polygon" (corners
            x0, y0, x1, y1 ... of a convex outline, anticlockwise with y upwards).
        numbers: see `kind`.
        part: colour: main, dark, light, second, pale, black, glass, lamp, roof, trunk.
        texture: name in scene_paint.PATTERNS, or none.
    """

    kind: str
    numbers: tuple[float, ...]
    part: str
    texture: str = ''


def building(random: Random) -> list[Form]:
    """A tall block with rows of windows, sometimes with a narrower top."""
    half = 0.17 + 0.13 * random.random_sample()
    top = 0.72 + 0.2 * random.random_sample()
    forms = []
    if random.randint(2):
        forms.append(Form('box', (0.0, 0.5, half * 0.55, 0.5), 'light', 'windows'))
    else:
        forms.append(Form('box', (half * 0.4, top + 0.06, 0.012, 0.1), 'black'))
    forms.append(Form('box', (0.0, top / 2, half, top / 2), 'main', 'windows'))
    forms.append(Form('box', (0.0, top, half + 0.02, 0.02), 'roof'))
    forms.append(Form('box', (half * 0.72, top / 2, half * 0.28, top / 2), 'shadow'))
    forms.append(Form('box', (0.0, 0.05, 0.045, 0.05), 'black'))
    return forms


def house(random: Random) -> list[Form]:
    """A cottage: walls, a gable or a broad roof, a door, windows, a chimney."""
    half = 0.42 + 0.2 * random.random_sample()
    eaves = 0.45 + 0.1 * random.random_sample()
    ridge = 0.08 if random.randint(2) else half * 0.62
    lights = [
        Form('box', (x * half, eaves * 0.55, half * 0.17, eaves * 0.2), 'lamp') for x in (-0.6, 0.6)
    ]
    frames = [
        Form('box', (x * half, eaves * 0.55, half * 0.22, eaves * 0.26), 'pale')
        for x in (-0.6, 0.6)
    ]
    bars = [Form('box', (x * half, eaves * 0.55, 0.014, eaves * 0.22), 'pale') for x in (-0.6, 0.6)]
    return [
        Form('box', (half * 0.5, 0.8, 0.07, 0.2), 'dark'),
        Form('box', (0.0, eaves / 2, half, eaves / 2), 'main'),
        Form('box', (half * 0.8, eaves / 2, half * 0.2, eaves / 2), 'shadow'),
        Form(
            'polygon',
            (-half - 0.09, eaves, half + 0.09, eaves, ridge, 0.95, -ridge, 0.95),
            'roof',
            'tiles',
        ),
        *frames,
        *lights,
        *bars,
        Form('box', (0.0, eaves * 0.34, half * 0.15, eaves * 0.34), 'second'),
    ]


def tree(random: Random) -> list[Form]:
    """A round crown of leaves on a trunk, or a fir of three tiers."""
    if random.randint(3) == 0:
        tiers = ((0.12, 0.3, 0.55), (0.34, 0.24, 0.78), (0.56, 0.18, 1.0))
        return [
            Form('box', (0.0, 0.09, 0.045, 0.09), 'trunk'),
            *(Form('polygon', (-w, y, w, y, 0.0, t), 'main', 'leaves') for y, w, t in tiers),
        ]
    forms = [Form('polygon', (-0.06, 0.0, 0.06, 0.0, 0.035, 0.5, -0.035, 0.5), 'trunk')]
    for x, y, radius in ((-0.17, 0.56, 0.19), (0.17, 0.54, 0.2), (0.0, 0.76, 0.23)):
        shift = 0.08 * (random.random_sample(2) - 0.5)
        size = radius * (0.9 + 0.25 * random.random_sample())
        forms.append(Form('ellipse', (x + shift[0], y + shift[1], size, size), 'main', 'leaves'))
    forms.append(Form('ellipse', (0.0, 0.62, 0.2, 0.18), 'main', 'leaves'))
    return forms


def car(random: Random) -> list[Form]:
    """A car seen from the side: body, cabin with panes, two wheels, a lamp."""
    back = -0.62 - 0.25 * random.random_sample()
    wheels = [Form('ellipse', (x, 0.2, 0.21, 0.2), 'black') for x in (-0.62, 0.62)]
    hubs = [Form('ellipse', (x, 0.2, 0.09, 0.09), 'pale') for x in (-0.62, 0.62)]
    return [
        Form('polygon', (back, 0.55, 0.62, 0.55, 0.3, 1.0, back + 0.22, 1.0), 'main'),
        Form('polygon', (back + 0.14, 0.57, -0.12, 0.57, -0.12, 0.9, back + 0.27, 0.9), 'glass'),
        Form('polygon', (-0.04, 0.57, 0.48, 0.57, 0.25, 0.9, -0.04, 0.9), 'glass'),
        Form('box', (0.0, 0.4, 1.05, 0.2), 'main'),
        Form('ellipse', (0.96, 0.42, 0.16, 0.16), 'main'),
        Form('box', (0.0, 0.28, 1.0, 0.07), 'dark'),
        *wheels,
        *hubs,
        Form('ellipse', (1.02, 0.44, 0.07, 0.08), 'beam'),
    ]


def boat(random: Random) -> list[Form]:
    """A hull with one or two sails on a mast."""
    lean = 0.12 * random.random_sample()
    sails = [
        Form('polygon', (0.03, 0.3, 0.46, 0.3, 0.03, 0.98), 'pale'),
        Form('polygon', (-0.36 + lean, 0.33, -0.03, 0.3, -0.03, 0.9), 'second'),
    ]
    return [
        Form('box', (0.0, 0.6, 0.018, 0.4), 'black'),
        *(sails if random.randint(4) else sails[:1]),
        Form('polygon', (-0.36, 0.0, 0.36, 0.0, 0.56, 0.25, -0.5, 0.25), 'main'),
        Form('polygon', (-0.46, 0.19, 0.5, 0.19, 0.56, 0.25, -0.5, 0.25), 'dark'),
    ]


def person(random: Random) -> list[Form]:
    """A standing or walking figure: head, coat, arms, legs."""
    step = 0.05 + 0.08 * random.random_sample()
    reach = 0.13 + 0.1 * random.random_sample()
    legs = [
        Form('polygon', (x - 0.045, 0.0, x + 0.045, 0.0, 0.075, 0.45, -0.075, 0.45), 'second')
        for x in (-step, step)
    ]
    arms = [
        Form(
            'polygon', (x - 0.035, 0.42, x + 0.035, 0.42, y + 0.035, 0.78, y - 0.035, 0.78), 'dark'
        )
        for x, y in ((reach, 0.095), (-reach, -0.095))
    ]
    return [
        *legs,
        arms[0],
        Form('polygon', (-0.14, 0.36, 0.14, 0.36, 0.125, 0.8, -0.125, 0.8), 'main'),
        arms[1],
        Form('ellipse', (0.0, 0.895, 0.09, 0.105), 'skin'),
        Form('ellipse', (-0.015, 0.962, 0.09, 0.05), 'black'),
    ]


def sheep(random: Random) -> list[Form]:
    """A woolly body of curls, a dark face, four thin legs."""
    low = 0.0 if random.randint(2) else -0.12
    legs = [Form('box', (x, 0.16, 0.045, 0.16), 'black') for x in (-0.36, -0.2, 0.22, 0.38)]
    blobs = ((-0.38, 0.58, 0.24), (-0.14, 0.7, 0.27), (0.16, 0.68, 0.27), (0.34, 0.54, 0.24),
             (0.0, 0.48, 0.27), (-0.24, 0.47, 0.22))  # fmt: skip
    return [
        *legs,
        *(Form('ellipse', (x, y, r, r), 'main', 'wool') for x, y, r in blobs),
        Form('ellipse', (0.6, 0.7 + low, 0.16, 0.2), 'black'),
        Form('ellipse', (0.53, 0.87 + low, 0.13, 0.1), 'main', 'wool'),
    ]


def cow(random: Random) -> list[Form]:
    """A broad flat back with patches, a hanging or lifted head, horns, four legs."""
    low = 0.0 if random.randint(2) else -0.34
    legs = [Form('box', (x, 0.22, 0.065, 0.22), 'main') for x in (-0.5, -0.33, 0.3, 0.47)]
    hooves = [Form('box', (x, 0.04, 0.065, 0.04), 'black') for x in (-0.5, -0.33, 0.3, 0.47)]
    return [
        Form('box', (-0.66, 0.55, 0.025, 0.25), 'black'),
        *legs,
        *hooves,
        Form('box', (-0.02, 0.63, 0.6, 0.2), 'main', 'patches'),
        Form('ellipse', (-0.5, 0.63, 0.17, 0.22), 'main', 'patches'),
        Form('ellipse', (0.5, 0.62, 0.17, 0.23), 'main', 'patches'),
        Form('polygon', (0.42, 0.55, 0.72, 0.7 + low, 0.8, 0.9 + low, 0.5, 0.82), 'main'),
        Form('box', (0.8, 0.86 + low, 0.17, 0.11), 'main'),
        Form('box', (0.95, 0.82 + low, 0.05, 0.075), 'pale'),
        Form('polygon', (0.62, 0.95 + low, 0.68, 0.95 + low, 0.62, 1.1 + low), 'pale'),
    ]


def balloon(random: Random) -> list[Form]:
    """A hot-air balloon: a striped bag, ropes and a basket."""
    return [
        Form('polygon', (-0.09, 0.12, -0.07, 0.12, -0.2, 0.42, -0.22, 0.42), 'black'),
        Form('polygon', (0.07, 0.12, 0.09, 0.12, 0.22, 0.42, 0.2, 0.42), 'black'),
        Form('polygon', (-0.1, 0.2, 0.1, 0.2, 0.31, 0.52, -0.31, 0.52), 'main', 'gores'),
        Form('ellipse', (0.0, 0.66, 0.36, 0.34), 'main', 'gores'),
        Form('box', (0.0, 0.07, 0.1, 0.075), 'trunk'),
    ]


FORMS: dict[str, Callable[[Random], list[Form]]] = {
    "building": building, "house": house, "tree": tree, "car": car, "boat": boat,
    "person": person, "sheep": sheep, "cow": cow, "balloon": balloon,
}  # fmt: skip
