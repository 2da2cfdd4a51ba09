"""What the page shows of a picture, as HTML: no file is written, and every name is text."""

import base64
import io
import traceback
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
from PIL import Image

from ..errors import UserError
from ..inference.own_classes import first_word, vocabulary
from ..inference.predicted import Prediction
from ..inference.predictor import Predictor

BY_SCORE_MAP = 'Answer by score map'
_LONGEST = 1024  # pixels of a picture in the page
_SHARP = 512  # pixels of the longest side, up to which pictures are lossless and enlarged by pixel
_ROWS = 16  # classes of a legend
_ABSENT = 24  # classes that are listed as not found
_MAP = matplotlib.colormaps['magma']


class Served(NamedTuple):
    """A model, and what the page calls it."""

    name: str
    predictor: Predictor


class Question(NamedTuple):
    """What is asked about a picture.

    Attributes:
        classes: The text of the class list; one that is empty is the model's own.
        by_score_map: Whether the score map answers in the head's place.
        shown: The class whose score map is shown; None for the first.
    """

    classes: str = ''
    by_score_map: bool = False
    shown: str | None = None


def class_text(names: Sequence[str]) -> str:
    """A class list as the page's box has it: a line for each."""
    return '\n'.join(names)


def asked_classes(text: str, predictor: Predictor) -> tuple[str, ...] | None:
    """The vocabulary in the box: lines, or one line with commas; None for the model's own.

    Raises:
        UserError: What :func:`icpc.inference.own_classes.vocabulary` refuses.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines == list(predictor.classes):
        return None
    return vocabulary(lines if len(lines) > 1 else lines[0])


def class_names(text: str, predictor: Predictor) -> tuple[str, ...]:
    """The names that a model is asked for.

    Raises:
        UserError: As :func:`asked_classes`.
    """
    words = asked_classes(text, predictor)
    return predictor.classes if words is None else tuple(map(first_word, words))


def answer(models: Sequence[Served], picture: np.ndarray, question: Question) -> str:
    """What each model says, side by side.

    Args:
        models: One or two.
        picture: (H, W, 3) uint8 RGB.
        question: About it.
    """
    colours: dict[str, list[int]] = {}
    panels = ''.join(_panel(model, picture, question, colours) for model in models)
    return f'<div class="answers">{panels}</div>'


def message(text: str) -> str:
    """A message in the place of an answer."""
    return f'<div class="message" role="alert">{escape(text)}</div>'


def picture_element(pixels: np.ndarray, words: str, kind: str = '') -> str:
    """A picture with its bytes in it.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        words: What it shows, for who cannot see it.
        kind: A further CSS class.
    """
    picture = Image.fromarray(pixels)
    sharp = max(picture.size) <= _SHARP
    picture.thumbnail((_LONGEST, _LONGEST))
    file = io.BytesIO()
    picture.save(file, 'PNG' if sharp else 'JPEG', **({} if sharp else {'quality': 90}))
    content = base64.b64encode(file.getvalue()).decode()
    look = f'{kind} sharp' if sharp else kind
    return (
        f'<img class="{look}" alt="{escape(words)}" '
        f'src="data:image/{"png" if sharp else "jpeg"};base64,{content}">'
    )


def _panel(
    model: Served, picture: np.ndarray, question: Question, colours: dict[str, list[int]]
) -> str:
    try:
        body = _answered(model.predictor, picture, question, colours)
    except UserError as error:
        body = message(str(error))
    except Exception as error:
        full = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if full or "can't allocate memory" in str(error):
            body = message('The memory is too small for this picture: make it smaller.')
        else:
            traceback.print_exc()
            body = message('The model failed; the terminal of the server shows how.')
    return f'<section class="answer"><h3>{escape(model.name)}</h3>{body}</section>'


def _answered(
    predictor: Predictor, picture: np.ndarray, question: Question, colours: dict[str, list[int]]
) -> str:
    """The panel; a class keeps the colour that it has in `colours`, and others are added."""
    words = asked_classes(question.classes, predictor)
    names = class_names(question.classes, predictor)
    shown = names[0] if question.shown is None else question.shown
    maps = [shown] if predictor.has_score_maps and shown in names else False
    head = 'score_map' if question.by_score_map else None
    try:
        found = predictor.predict(picture, words, head, score_maps=maps)
    except UserError:
        if head is not None or not _score_map_can(predictor, words):
            raise
        raise UserError(
            'This model’s decode head has a classifier for the classes of its training and cannot '
            'answer for other names. Its score map, which compares every pixel with the text of a '
            f'name, can: tick “{BY_SCORE_MAP}”.'
        ) from None
    for name, colour in zip(found.classes, found.palette.tolist(), strict=True):
        colours.setdefault(name, colour)
    found.palette = np.array([colours[name] for name in found.classes], dtype=np.uint8)
    overlay = _figure(picture_element(np.asarray(found.overlay()), 'classes over the picture'))
    return f'<div class="pictures">{overlay}{_score_map(found, shown)}</div>{_legend(found)}'


def _score_map_can(predictor: Predictor, words: tuple[str, ...] | None) -> bool:
    try:
        predictor.predict([], words, 'score_map')
    except UserError:
        return False
    return True


def _figure(picture: str, caption: str = '') -> str:
    return f'<figure>{picture}<figcaption>{caption}</figcaption></figure>'


def _score_map(found: Prediction, name: str) -> str:
    """The cosine of every pixel with a name, its scale from the 1st to the 99th percentile."""
    if name not in found.classes:
        return _figure('', f'This model is not asked for “{escape(name)}”.')
    if found.score_maps is None:
        return _figure('', 'This model has no text, so it has no score map.')
    values = found.score_map(name)
    low, high = np.quantile(values, (0.01, 0.99)).tolist()
    shares = ((values - low) / max(high - low, 1e-9)).clip(0, 1)
    picture = picture_element(_MAP(shares, bytes=True)[..., :3], f'score map of {name}')
    caption = (
        f'<b>{escape(name)}</b>'
        f'<span class="scale">cosine {low:.2f}<i style="background:{_GRADIENT}"></i>{high:.2f}'
        '</span>'
    )
    return _figure(picture, caption)


def _css_colour(rgb: Sequence[float]) -> str:
    return 'rgb({:.0f},{:.0f},{:.0f})'.format(*rgb)


_GRADIENT = 'linear-gradient(90deg,{})'.format(
    ','.join(_css_colour([255 * value for value in _MAP(step / 8)[:3]]) for step in range(9))
)


def _legend(found: Prediction) -> str:
    """Colour, name and share of each class that was found, the largest first; then the others."""
    rgb = dict(zip(found.classes, map(_css_colour, found.palette.tolist()), strict=True))
    shares = sorted(found.area.items(), key=lambda pair: -pair[1])
    present = [(name, share) for name, share in shares if share]
    rows = ''.join(
        f'<tr><td><i style="background:{rgb[name]}"></i></td>'
        f'<td>{escape(name)}</td><td>{_percent(share)}</td>'
        f'<td><b style="width:{100 * share:.1f}%;background:{rgb[name]}"></b>'
        '</td></tr>'
        for name, share in present[:_ROWS]
    )
    rest = [f'{len(present) - _ROWS} more with less'] if len(present) > _ROWS else []
    absent = [name for name, share in shares if not share]
    if absent:
        listed = ', '.join(map(escape, absent[:_ABSENT]))
        more = f' and {len(absent) - _ABSENT} more' if len(absent) > _ABSENT else ''
        rest.append(f'not found: {listed}{more}')
    return f'<table class="legend">{rows}</table><p class="rest">{"; ".join(rest)}</p>'


def _percent(share: float) -> str:
    return f'{share:.1%}' if share >= 0.001 else '&lt; 0.1%'
