"""Names, palette and colours of the procedural scenes."""

import numpy as np

CLASSES = (
    "sky", "sea", "sand", "grass", "field", "road", "mountain", "forest", "wall",
    "building", "house", "tree", "car", "boat", "person", "sheep", "cow", "balloon",
)  # fmt: skip
STUFF = CLASSES[:9]
THINGS = CLASSES[9:]
LABELS = {name: index + 1 for index, name in enumerate(CLASSES)}  # 0 on disk is unlabelled
CONDITIONS = ('day', 'dusk', 'night', 'fog', 'snow')

# Colours of the masks in figures; the pictures' own colours are drawn from SWATCHES.
PALETTE = [
    [135, 190, 235], [35, 95, 200], [240, 215, 140], [110, 190, 70], [205, 160, 40], [95, 95, 105],
    [140, 105, 165], [20, 105, 60], [190, 90, 60], [90, 140, 150], [235, 110, 130], [60, 160, 110],
    [215, 40, 45], [250, 250, 245], [250, 150, 40], [205, 200, 225], [110, 65, 30], [225, 60, 190],
]  # fmt: skip

SWATCHES = {
    "blue": (0.36, 0.56, 0.80), "teal": (0.33, 0.65, 0.66), "green": (0.42, 0.64, 0.36),
    "olive": (0.62, 0.64, 0.34), "yellow": (0.86, 0.74, 0.40), "orange": (0.86, 0.57, 0.34),
    "red": (0.74, 0.34, 0.30), "pink": (0.86, 0.62, 0.66), "violet": (0.58, 0.50, 0.72),
    "grey": (0.62, 0.64, 0.66), "cream": (0.90, 0.86, 0.76), "slate": (0.38, 0.44, 0.54),
    "brown": (0.56, 0.44, 0.34),
}  # fmt: skip
_ANY = tuple(SWATCHES)

# Colours of different classes overlap on purpose: only texture, shape and context tell them apart.
HUES = {
    'sky': ('blue', 'teal', 'pink', 'violet', 'orange', 'cream', 'grey', 'yellow'),
    'sea': ('blue', 'teal', 'green', 'violet', 'grey', 'pink', 'slate', 'blue'),
    'sand': ('cream', 'yellow', 'orange', 'pink', 'grey', 'brown', 'olive'),
    'grass': ('green', 'olive', 'yellow', 'teal', 'orange', 'brown', 'green'),
    'field': ('yellow', 'olive', 'green', 'brown', 'orange', 'violet', 'pink', 'teal'),
    'road': ('grey', 'slate', 'brown', 'cream', 'violet', 'pink', 'teal'),
    'mountain': ('violet', 'slate', 'blue', 'green', 'brown', 'teal', 'pink', 'grey'),
    'forest': ('green', 'teal', 'olive', 'orange', 'brown', 'slate', 'red', 'violet'),
    'wall': ('red', 'cream', 'grey', 'yellow', 'pink', 'teal', 'brown', 'orange'),
    'sheep': ('cream', 'grey', 'pink', 'brown', 'slate', 'yellow', 'blue', 'olive'),
    'cow': ('brown', 'cream', 'slate', 'orange', 'grey', 'red', 'pink', 'yellow'),
    'tree': ('green', 'teal', 'olive', 'orange', 'brown', 'red', 'violet', 'yellow', 'pink'),
}


def draw_colour(random: np.random.RandomState, name: str) -> np.ndarray:
    """Draw the colour of one instance of a class.

    Args:
        random: the picture's own stream.
        name: a class of CLASSES.

    Returns:
        (3,) red, green, blue in 0..1.
    """
    hues = HUES.get(name, _ANY)
    swatch = np.array(SWATCHES[hues[random.randint(len(hues))]])
    other = np.array(SWATCHES[hues[random.randint(len(hues))]])
    mixed = swatch + (other - swatch) * (0.4 * random.random_sample())
    jitter = 0.12 * (random.random_sample(3) - 0.5)
    return np.clip((mixed + jitter) * (0.8 + 0.35 * random.random_sample()), 0.05, 0.97)
