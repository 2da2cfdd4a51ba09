"""A run's config without what stands on the training machine alone."""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from ..clip.loading import local_config
from ..config.user_modules import user_modules
from ..errors import UserError
from ..foreign_files.plain_values import read_values

_DATA = re.compile(r'data_root|\w+_dataloader\..*')  # said in the card anyway


class Published(NamedTuple):
    """A config that can be taken anywhere.

    Attributes:
        text: The run's own where nothing had to change.
        needs: What it still needs, in sentences.
        has_root: Whether `data_root` says where the data is.
    """

    text: str
    needs: list[str]
    has_root: bool


def published_config(path: Path, classes: list[str], resolved: dict[str, Any]) -> Published:
    """Free a run's config from its machine.

    The class list stands in it, in the order of the training, so that no names file is needed to
    build the model; a local CLIP folder becomes its architecture, whose weights are in the model's
    file; `load_from`, `resume` and the work dir are taken out. Data is found by `data_root`.

    Args:
        path: The run's `config.py`.
        classes: The checkpoint's class names.
        resolved: The run's resolved config; may be empty.

    Raises:
        UserError: When the folder of CLIP is no longer there, or the config is more than values.
    """
    own, text = read_values(path), path.read_text(encoding='utf-8')
    tree = deepcopy(own)
    tree.pop('work_dir', None)
    if tree.get('load_from') or tree.get('resume'):
        tree.update(load_from=None, resume=False)
        tree.pop('load_from_partial', None)
    if 'classes' in tree and classes and not isinstance(tree['classes'], (list, tuple)):
        tree['classes'] = [name.strip() for name in classes]
    model = tree.get('model') or {}
    _free_clip(model, resolved.get('model') or {})
    backbone = model.get('backbone') or {}
    if backbone.get('type') == 'ImageNetBackbone':
        backbone['pretrained'] = False  # the model's file holds these weights, too
    text = text if tree == own else Config(tree).pretty_text
    return Published(text, list(_needs(tree)), 'data_root' in tree)


def _free_clip(model: dict[str, Any], resolved: dict[str, Any]) -> None:
    """Replace a folder of CLIP by its architecture, and drop a file of its weights."""
    clip = model.get('clip') or {}
    architecture = None
    if isinstance(clip.get('model'), str):
        try:
            architecture = local_config(clip['model'])
        except ValueError as error:
            raise UserError(f'model.{error}; publish where the run was made') from error
    weights = clip.get('pretrained')
    in_file = isinstance(weights, str) and (Path(weights).suffix or Path(weights).is_file())
    if architecture is None and not in_file:
        return
    clip.update(pretrained=None, **({} if architecture is None else {'model': architecture}))
    # The pixels' mean and deviation may have come from beside the weights.
    pixels = resolved.get('data_preprocessor') or {}
    known = {key: pixels[key] for key in ('mean', 'std') if key in pixels}
    (model.get('data_preprocessor') or {}).update(known)


def _needs(tree: dict[str, Any]) -> Iterator[str]:
    modules = user_modules(tree)
    if modules:
        names = ', '.join(f'`{_quoted(name)}`' for name in modules)
        yield (
            f'The config imports {names}, code of the training that is not in here: put the folder '
            'that holds it into PYTHONPATH.'
        )
    for key, value in _paths(tree):
        where, place = _quoted(key), _quoted(value)
        yield f'`{where}` still names a place on the training machine, `{place}`: override it.'


def _quoted(text: str) -> str:
    """One line that ends no quotation of markdown."""
    return ' '.join(text.replace('`', "'").split())


def _paths(node: Any, path: str = '') -> Iterator[tuple[str, str]]:
    """Key and value of what is a place on this machine, except that of the data."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        here = f'{path}.{key}'.lstrip('.')
        if isinstance(value, (dict, list, tuple)):
            yield from _paths(value, here)
        elif isinstance(value, str) and _is_place(value) and not _DATA.fullmatch(here):
            yield here, value


def _is_place(text: str) -> bool:
    return text.startswith('/') or ('/' in text and Path(text).exists())
