"""Made-up pictures with labels, of every size and kind that published datasets mix."""

from dataclasses import dataclass

import downloads
import numpy as np

CROP = 64
# Portrait and landscape, smaller and larger than the crop, odd sides, one as large as the crop.
SIZES = ((97, 131), (131, 90), (33, 47), (55, 149), (CROP, CROP), (40, 61))  # height, width
COUNTS = {'training': 6, 'validation': 5, 'test': 5}
GREY, PALETTE, IGNORED = 1, 2, 3  # places of the special ones in each split


@dataclass(frozen=True)
class Scene:
    """One picture and its labels.

    Attributes:
        split: training, validation or test.
        place: In its split, from 0.
        labels: (H, W) ids of the published masks.
        pixels: (H, W, 3) uint8; (H, W) of a grey one.
        palette: Whether the mask is a palette PNG where its format allows that.
    """

    split: str
    place: int
    labels: np.ndarray
    pixels: np.ndarray
    palette: bool

    @property
    def jpeg(self) -> bytes:
        return downloads.encoded(self.pixels, 'JPEG')

    @property
    def png(self) -> bytes:
        return downloads.encoded(self.pixels)

    def mask(self, palette: bool | None = None) -> bytes:
        """The labels as an 8-bit PNG."""
        wanted = self.palette if palette is None else palette
        return downloads.encoded(self.labels.astype(np.uint8), palette=wanted)


def scenes(ids: dict[int, int], splits: tuple[str, ...], seed: int = 0) -> list[Scene]:
    """The pictures of some splits; only training shows the last id.

    Args:
        ids: Id in the published masks -> class, -1 for what does not count; at least one such.
        splits: Which.
        seed: Of the pixels.
    """
    rng, made = np.random.default_rng(seed), []
    for split in splits:
        for place in range(COUNTS[split]):
            size = SIZES[place % len(SIZES)]
            shown = list(ids)[: None if split == 'training' else -1]
            shown = [i for i in shown if ids[i] < 0] if place == IGNORED else shown
            labels = rng.choice(shown, (3, 4)).repeat(size[0] // 3 + 1, 0)
            labels = labels.repeat(size[1] // 4 + 1, 1)[: size[0], : size[1]]
            pixels = _colour(labels, rng)
            grey = pixels.mean(axis=2).astype(np.uint8) if place == GREY else pixels
            made.append(Scene(split, place, labels, grey, place == PALETTE))
    return made


def _colour(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each id has a colour, so that a few steps learn something."""
    colours = np.random.default_rng(1).integers(40, 215, (1024, 3))
    return (colours[labels % 1024] + rng.integers(-30, 30, (*labels.shape, 3))).astype(np.uint8)
