"""Evaluate a model as it is loaded on any data set and class list."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from torch import nn

from ...config import unread_keys
from ...config.class_list import fill_classes
from ...config.load import finish_config
from ...config.overrides import apply_overrides, parse_overrides
from ...console.messages import say, silence_console
from ...datasets.checks.verification import check_data
from ...errors import UserError
from ...inference.load_model import load_model
from ...inference.own_classes import SEPARATOR, first_word, vocabulary
from ...names_file import read_names
from ...startup.packaged import configs_folder
from ..evaluate import run_test, save_predictions, writing_to
from .answers import answering
from .data_folder import data_config


class _Loaded:
    """In a config the type of a model that is there already."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def __call__(self) -> nn.Module:
        return self._model

    def __repr__(self) -> str:
        return "'the model as it was loaded'"


def evaluate_anywhere(
    source: str,
    data: str,
    classes: str | None = None,
    dataset: str | None = None,
    options: list[str] | dict[str, Any] | None = None,
    work_dir: str | None = None,
    split: str = 'test',
    head: str | None = None,
    config: str | None = None,
    out: str | None = None,
    show_dir: str | None = None,
) -> dict[str, float]:
    """Evaluate on data that the model may never have seen, and print the per-class table.

    Pictures are prepared as the model's own test pipeline does it, masks as the data set asks.

    Args:
        source: As `icpc.load_model` takes it.
        data: A prepared data set, or a folder with `images`, `masks` and `names.txt`.
        classes: A file of names, one a line, or names with commas, with synonyms behind a `;`:
            the classes of the data that count, in this order; the rest is ignored. None for all.
        dataset: The data set's name, such as `ade20k`; None for what the folder says.
        options: Overrides of what is no part of the model, as `--cfg-options`.
        work_dir: Where logs go; by default `work_dirs/<model>_on_<data>`.
        split: `test` or `val`, where the data has both.
        head: `score_map` answers by text for all classes.
        config: The path of a config for a checkpoint that lies apart from its work dir.
        out: Folder for the predicted masks.
        show_dir: Folder for the predictions drawn over the pictures.

    Returns:
        The metrics, in percent.

    Raises:
        UserError: Names that neither the data nor the model knows, and whatever loading refuses.
    """
    silence_console()
    given = None if classes is None else _lines(classes)
    names = None if given is None else [first_word(line) for line in given]
    folder = Path(data)
    tree, what = data_config(folder, dataset, split, names)
    predictor = load_model(source, get_device(), config)
    model_name = Path(str(source)).stem.replace(':', '_')
    work_dir = work_dir or str(Path('work_dirs') / f'{model_name}_on_{folder.resolve().name}')
    cfg = _config(tree, predictor.cfg, options, work_dir, given)
    known = [str(name).strip() for name in cfg.class_names]
    lines = tuple(known) if given is None else given
    model, told = answering(predictor, lines, head)
    cfg.model = dict(type=_Loaded(model))
    cfg.default_hooks.pop('checkpoint', None)
    save_predictions(cfg, out, show_dir)
    check_data(cfg, ('test_dataloader',))
    with writing_to(work_dir, out, show_dir):
        say(f'{source} on {what}')
        say(f'classes: {told}')
        return run_test(cfg)


def _lines(classes: str) -> tuple[str, ...]:
    """The class list of a file, or of the words themselves."""
    if not Path(classes).is_file() and ',' in classes:
        return vocabulary(classes)
    return vocabulary(read_names(classes, f'--classes {classes}'))


def _config(
    tree: dict[str, Any],
    of_model: Config,
    options: list[str] | dict[str, Any] | None,
    work_dir: str,
    lines: tuple[str, ...] | None,
) -> Config:
    """The finished config of a test of that data; its model is still to be put in."""
    bases = configs_folder() / '_base_'
    for name in ('default_runtime.py', 'schedules/test_only.py'):
        tree = {**tree, **Config.fromfile(str(bases / name)).to_dict()}
    tree.setdefault('annotations', 'LoadAnnotations')  # the scenes' config has no such key
    tree['test_pipeline'] = _pipeline(of_model.to_dict()['test_pipeline'])
    parsed = parse_overrides(options)
    for key in parsed:
        if key.split('.')[0] in ('model', 'classes', 'data_root'):
            raise UserError(
                f'{key}: the model is evaluated as it was loaded, on --data and --classes; leave '
                'it out'
            )
    apply_overrides(tree, parsed, unread_keys.KNOWN_KEYS)
    unread_keys.check_effect(parsed, unread_keys.read_variables(tree))
    if lines is not None:
        known = fill_classes(deepcopy({**tree, 'classes': None}))
        tree['classes'] = [_of_data(line, known or ()) for line in lines]
    return finish_config(Config(tree, filename=str(bases / 'default_runtime.py')), work_dir)


def _of_data(line: str, known: Sequence[str]) -> str:
    """The name that a line's words have in the data; the first word where it has none.

    Raises:
        UserError: The data knows several of the words.
    """
    words = line.split(SEPARATOR)
    found = [name for name in known if name.lower() in (word.lower() for word in words)]
    if len(found) > 1:
        raise UserError(
            f'--classes: {line!r} stands for {len(found)} classes of the data, {", ".join(found)}, '
            'which are not put together; give each a line of its own'
        )
    return found[0] if found else first_word(line)


def _pipeline(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The model's steps with the data set's reader of masks, whose size stays that on disk."""
    steps = [dict(step) for step in steps if 'Annotations' not in str(step['type'])]
    at = next((i for i, step in enumerate(steps) if step['type'] == 'PackSegInputs'), len(steps))
    return [*steps[:at], dict(type='${annotations}'), *steps[at:]]
