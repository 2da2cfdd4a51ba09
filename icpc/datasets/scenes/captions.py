"""Captions of scenes: what is in a picture, in varied words, often with the condition."""

import numpy as np

from icpc.datasets.scenes.scene_classes import CLASSES

SYNONYMS = {
    'sky': ('sky', 'open sky', 'heavens'),
    'sea': ('sea', 'ocean', 'water'),
    'sand': ('sand', 'beach', 'dunes'),
    'grass': ('grass', 'lawn', 'meadow'),
    'field': ('field', 'farmland', 'ploughed field'),
    'road': ('road', 'street', 'asphalt'),
    'mountain': ('mountain', 'peak', 'mountains'),
    'forest': ('forest', 'woods', 'woodland'),
    'wall': ('wall', 'brick wall', 'bricks'),
    'building': ('building', 'tower', 'skyscraper'),
    'house': ('house', 'cottage', 'home'),
    'tree': ('tree', 'trees', 'fir'),
    'car': ('car', 'automobile', 'vehicle'),
    'boat': ('boat', 'sailboat', 'ship'),
    'person': ('person', 'human', 'people'),
    'sheep': ('sheep', 'lamb', 'ewe'),
    'cow': ('cow', 'cattle', 'bull'),
    'balloon': ('balloon', 'hot air balloon', 'airship'),
}
TEMPLATES = (
    "a photo of {}", "a picture of {}", "{}", "a scene with {}", "a view of {}",
    "an illustration of {}", "a photo of {}", "there is {}",
)  # fmt: skip
# The first suffix of a condition is the one that prompts with a true condition use.
SUFFIXES = {
    'day': ('in daylight', 'by day', 'on a bright day'),
    'dusk': ('at dusk', 'at sunset', 'in the evening'),
    'night': ('at night', 'in the dark', 'by night'),
    'fog': ('in fog', 'on a foggy day', 'in the mist'),
    'snow': ('in snow', 'on a snowy day', 'in winter'),
}
CONDITION_SHARE = 0.6  # share of the captions that tell the condition
SMALLEST_SHARE = 0.03  # of the pixels that a class must cover to be named


def present_classes(labels: np.ndarray, share: float = SMALLEST_SHARE) -> list[str]:
    """Names of the classes that cover at least `share` of the labelled pixels, largest first."""
    counts = np.bincount(labels.ravel(), minlength=len(CLASSES) + 1)[1:]
    order = np.argsort(-counts, kind='stable')
    least = max(share * labels.size, 1)
    return [CLASSES[index] for index in order if counts[index] >= least]


def _noun(random: np.random.RandomState, name: str) -> str:
    words = SYNONYMS[name]
    word = words[0] if random.randint(2) else words[random.randint(len(words))]
    style = random.randint(3)
    if style == 0 or (word.endswith('s') and not word.endswith('ss')):
        return word
    return f'{"an" if word[0] in "aeiou" else "a"} {word}' if style == 1 else f'the {word}'


def write_caption(
    random: np.random.RandomState,
    names: list[str],
    condition: str,
    condition_share: float = CONDITION_SHARE,
) -> str:
    """Write one caption.

    Args:
        random: a stream of random numbers.
        names: classes to name, in the order in which they are named.
        condition: a name of CONDITIONS, told in `condition_share` of the captions.
        condition_share: in 0..1.

    Returns:
        For example "a photo of a cottage and the woods at dusk."
    """
    nouns = [_noun(random, name) for name in names]
    listed = nouns[0] if len(nouns) == 1 else f'{", ".join(nouns[:-1])} and {nouns[-1]}'
    caption = TEMPLATES[random.randint(len(TEMPLATES))].format(listed)
    if random.random_sample() < condition_share:
        suffixes = SUFFIXES[condition]
        caption = f'{caption} {suffixes[random.randint(len(suffixes))]}'
    return caption + '.' * random.randint(2)
