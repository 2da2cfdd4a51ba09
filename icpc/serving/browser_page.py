"""The page: a box for a picture and one for the classes, and what the models answer."""

import shutil
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..datasets.scenes.composition import generate_scene
from ..errors import UserError
from .answer import (
    BY_SCORE_MAP,
    Question,
    Served,
    answer,
    class_names,
    class_text,
    message,
    picture_element,
)
from .upload import read_upload

_SCENES = (2, 6, 0, 11, 7, 9)  # of the test split, which the packaged example was not trained on
_WAITING = 16  # questions that may wait for their turn
_FORGOTTEN = 3600  # seconds after which a picture that is not asked about leaves the memory
_HINT = (
    '<div class="hint"><b>Drop a picture on the left, or take an example.</b><br>'
    'It goes to the computer that this page comes from and nowhere else, and is never stored.</div>'
)


def read_and_remove(file: Any) -> bytes | None:
    """The bytes of what Gradio has stored of an upload, which is removed with its folder.

    Args:
        file: With a `path`; None for none.
    """
    if file is None:
        return None
    path = Path(file.path)
    try:
        return path.read_bytes()
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)  # its own: Gradio names it by the content


@cache
def examples() -> tuple[np.ndarray, ...]:
    """Pictures of the embedded scenes, (128, 128, 3) uint8 RGB."""
    return tuple(generate_scene('test', index).image for index in _SCENES)


def build_page(models: Sequence[Served], classes: str | None, megapixels: float) -> gr.Blocks:
    """The page, not yet served.

    Args:
        models: One or two.
        classes: The list to begin with, as `icpc predict --classes` takes it; None for the first
            model's own.
        megapixels: The most that a picture may have.

    Raises:
        UserError: A class list that cannot be asked for.
    """
    first = models[0].predictor
    names = class_names(classes or '', first)
    text = class_text(first.classes if classes is None else classes.split(','))

    def ask(picture: np.ndarray | None, *question: Any) -> tuple[str, Any]:
        if picture is None:
            return _HINT, gr.skip()
        asked = Question(*question)
        try:
            known = list(class_names(asked.classes, first))
        except UserError as error:
            return message(str(error)), gr.skip()
        if asked.shown not in known:
            asked = asked._replace(shown=known[0])
        chosen = gr.Dropdown(choices=known, value=asked.shown)
        return answer(models, picture, asked), chosen

    def take(content: bytes | None, *question: Any) -> tuple:
        if content is None:
            return None, gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            picture = read_upload(content, megapixels)
        except UserError as error:
            return None, gr.skip(), gr.skip(), message(str(error)), gr.skip()
        return None, picture, _preview(picture), *ask(picture, *question)

    def take_example(place: int) -> Any:
        def took(*question: Any) -> tuple:
            picture = examples()[place]
            return picture, _preview(picture), *ask(picture, *question)

        return took

    with gr.Blocks(title='icpc', analytics_enabled=False, delete_cache=(60, 60)) as page:
        gr.HTML(_heading(models), elem_id='heading')
        picture = gr.State(None, time_to_live=_FORGOTTEN)
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=300):
                drop = gr.File(
                    label=f'A picture, up to {megapixels:g} megapixels', height=150, elem_id='drop'
                )
                drop.preprocess = read_and_remove  # what comes in goes on in memory alone
                with gr.Row(elem_id='examples'):
                    buttons = [
                        gr.Button(f'Example {place + 1}', elem_id=f'example-{place}', min_width=40)
                        for place in range(len(_SCENES))
                    ]
                preview = gr.HTML(elem_id='preview')
                box = gr.Textbox(
                    text,
                    label='Classes, one a line',
                    info='Any names; synonyms stand behind a ; and the first names the class. '
                    'Empty: the model’s own.',
                    lines=5,
                    max_lines=7,
                    elem_id='classes',
                )
                by_map = gr.Checkbox(
                    label=BY_SCORE_MAP,
                    info='In the place of the decode head: for it all names are alike.',
                    elem_id='by-score-map',
                )
                go = gr.Button('Segment', variant='primary', elem_id='go')
            with gr.Column(scale=3, min_width=480):
                shown = gr.Dropdown(
                    list(names),
                    value=names[0],
                    label='Score map of',
                    elem_id='shown',
                )
                answers = gr.HTML(_HINT, elem_id='answers')
        question = [box, by_map, shown]
        quiet = dict(api_visibility='private', concurrency_id='model', concurrency_limit=1)
        asked = dict(fn=ask, inputs=[picture, *question], outputs=[answers, shown], **quiet)
        drop.upload(take, [drop, *question], [drop, picture, preview, answers, shown], **quiet)
        for place, button in enumerate(buttons):
            button.click(take_example(place), question, [picture, preview, answers, shown], **quiet)
        go.click(**asked)
        box.submit(**asked)
        by_map.input(**asked)
        shown.input(**asked)
    page.queue(max_size=_WAITING)
    return page


def example_style() -> str:
    """CSS that shows the examples on their buttons."""
    rules = []
    for place, pixels in enumerate(examples()):
        source = picture_element(pixels, '').split('src="')[1].split('"')[0]
        rules.append(f'#example-{place}{{background-image:url({source})}}')
    return '\n'.join(rules)


def _preview(picture: np.ndarray) -> str:
    height, width = picture.shape[:2]
    return picture_element(picture, f'the picture, {width} x {height}')


def _heading(models: Sequence[Served]) -> str:
    named = ' and '.join(f'<code>{escape(model.name)}</code>' for model in models)
    return f'<h1>icpc</h1><p>Semantic segmentation with text: {named}</p>'
