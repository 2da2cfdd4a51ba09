"""What of a config a prediction needs: the model, the steps before it, and the classes."""

import sys
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.utils import register_all_modules

from ..config.interpolation import Interpolator
from ..config.load import fill_model
from ..config.unread_keys import check_signatures
from ..config.user_modules import user_modules
from ..errors import UserError

_LOADERS = ('test_dataloader', 'val_dataloader')
_WITH_WEIGHTS = ('ImageNetBackbone', 'Stride16ResNet')  # unless `pretrained` is off
_PLAIN = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]


def prediction_config(tree: dict[str, Any], names: Sequence[str], where: str) -> Config:
    """The finished config of a model that only predicts; its weights come from a file of its own.

    Args:
        tree: A config's plain values, `${...}` resolved or not; no data has to be there.
        names: The classes of the checkpoint; they count, whatever the config says. Empty: the
            config's.
        where: The config's path, for messages.

    Returns:
        `model`, `test_pipeline`, `class_names`, and `dataset`, the config's own or empty.

    Raises:
        UserError: There is no model, its code was not imported, or a type is not registered.
    """
    _check_imported(tree, where)
    register_all_modules(init_default_scope=False)
    tree = dict(tree)
    if names:
        tree['class_names'] = [name.strip() for name in names]
    resolver = Interpolator(tree)
    model = resolver.resolve(tree.get('model'), 'model')
    if not isinstance(model, dict) or 'type' not in model:
        raise UserError(f'{where}: it has no model')
    if names and 'class_names' in model:
        model['class_names'] = tree['class_names']
    dataset = _dataset(tree, resolver)
    steps = dataset.get('pipeline') or tree.get('test_pipeline') or _PLAIN
    steps = _numbers_as_tuples(resolver.resolve(steps, 'test_pipeline'))
    plainer = getattr(MODELS.get(model['type']), 'for_prediction', None)
    model = fill_model(model if plainer is None else plainer(model))
    if isinstance(model.get('clip'), dict):
        model['clip']['pretrained'] = None  # the checkpoint holds the weights
    if (model.get('backbone') or {}).get('type') in _WITH_WEIGHTS:
        model['backbone']['pretrained'] = False
    model.pop('init_cfg', None)
    check_signatures(dict(model=model, test_dataloader=dict(dataset=dict(pipeline=steps))))
    data = {key: dataset.get(key) for key in ('type', 'metainfo')}
    finished = dict(
        default_scope='mmseg',
        model=model,
        test_pipeline=steps,
        class_names=[str(name).strip() for name in tree.get('class_names') or ()],
        dataset=resolver.resolve(data, 'dataset'),
    )
    return Config(finished, filename=where)


def _check_imported(tree: dict[str, Any], where: str) -> None:
    """Raise for modules of the user's own that the config would import: a source runs nothing."""
    missing = [name for name in user_modules(tree) if name not in sys.modules]
    if missing:
        raise UserError(
            f'{where}: the model needs code of its own, {", ".join(missing)}, which loading a '
            f'model does not run: `import {missing[0]}` before it, where you trust that code'
        )


def _dataset(tree: dict[str, Any], resolver: Interpolator) -> dict[str, Any]:
    def own(node: Any, key: str) -> Any:  # '${val_dataloader}' where a test split is the other
        return resolver.resolve(node, key) if isinstance(node, str) else node

    for key in _LOADERS:
        dataset = own((own(tree.get(key), key) or {}).get('dataset'), f'{key}.dataset')
        if isinstance(dataset, dict):
            return dataset
    return {}


def _numbers_as_tuples(node: Any) -> Any:
    """Sizes and scales as mmcv wants them: JSON has no tuples."""
    if isinstance(node, dict):
        return {key: _numbers_as_tuples(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        items = [_numbers_as_tuples(item) for item in node]
        numbers = bool(items) and all(isinstance(item, (int, float)) for item in items)
        return tuple(items) if numbers or isinstance(node, tuple) else items
    return node
