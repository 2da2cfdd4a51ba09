"""What each part of a config accepts, read from the signatures of the registered classes."""

import inspect
import re
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from mmengine.registry import Registry
from torch import nn
from torch.utils.data import DataLoader

from ..errors import UserError, did_you_mean

# Where a typed dict stands decides which registry its type is looked up in; the first match counts.
_REGISTRIES = (
    (r'(tta_)?model(\..*)?', 'MODELS'),
    (r'(.*\.)?\w*pipeline(\..*)?', 'TRANSFORMS'),
    (r'\w*dataloader\.dataset(\..*)?', 'DATASETS'),
    (r'\w*dataloader\.(batch_)?sampler', 'DATA_SAMPLERS'),
    (r'\w*dataloader\.collate_fn', 'FUNCTIONS'),
    (r'(default|custom)_hooks\.\w+', 'HOOKS'),
    (r'\w*evaluator(\.\w+)?', 'METRICS'),
    (r'param_scheduler(\.\w+)?', 'PARAM_SCHEDULERS'),
    (r'optim_wrapper\.optimizer', 'OPTIMIZERS'),
    (r'optim_wrapper', 'OPTIM_WRAPPERS'),
    (r'(train|val|test)_cfg', 'LOOPS'),
    (r'visualizer', 'VISUALIZERS'),
    (r'visualizer\.vis_backends(\.\w+)?', 'VISBACKENDS'),
    (r'log_processor', 'LOG_PROCESSORS'),
)
# Keys that mmengine takes out of the dict before it builds the object.
_EXTRA_KEYS = {
    'HOOKS': {'priority'},
    'OPTIM_WRAPPERS': {'optimizer', 'constructor', 'paramwise_cfg'},
    'PARAM_SCHEDULERS': {'convert_to_iter_based'},
}
_MMENGINE_LOADER_KEYS = {'num_batch_per_epoch', 'disable_subprocess_warning'}
_TEST_CFG = {'mode', 'crop_size', 'stride', 'keep_logits', 'memory_budget', 'size_divisor'}
_MULTIPLIERS = {'lr_mult', 'decay_mult', 'bias_lr_mult', 'bias_decay_mult'}
# Dicts without a `type`: the keys they may hold, or what receives them (`module:name`, any one).
_UNTYPED: tuple[tuple[str, set[str] | str | type], ...] = (
    (r'(train|val|test)_dataloader', DataLoader),
    (r'model\.(clip|teacher)', 'icpc.clip:load_clip'),
    (
        r'model\.backbone(\.tower)?',
        'icpc.clip:CLIPResNet icpc.clip:CLIPViT icpc.clip:CLIPTimm',
    ),
    (r'model\.prompter\.text_encoder', 'icpc.clip:TextEncoder'),
    (r'model\.test_cfg', _TEST_CFG),
    (r'randomness', {'seed', 'diff_rank_seed', 'deterministic'}),
    (r'env_cfg', {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'}),
    (r'optim_wrapper\.paramwise_cfg', {'custom_keys', 'norm_decay_mult'}),
    (r'optim_wrapper\.paramwise_cfg\.custom_keys\.\w+', _MULTIPLIERS),
)
# Dicts whose keys are the user's own names.
_FREE = (
    r'model\.losses|default_hooks|clip_grad|optim_wrapper\.(paramwise_cfg\.custom_keys|clip_grad)'
)


@lru_cache(maxsize=4096)
def registry_at(path: str) -> str | None:
    """The name of the registry that a typed dict at `path` is built from, None if there is none."""
    for pattern, name in _REGISTRIES:
        if re.fullmatch(pattern, path):
            return name
    return None


def find_type(kind: str | Callable[..., Any], path: str) -> Callable[..., Any] | None:
    """Return the class registered under a dict's `type`, None where `path` has no registry.

    Raises:
        UserError: When nothing of that name is registered; names the nearest.
    """
    if not isinstance(kind, str):
        if kind is not None and not callable(kind):
            raise UserError(f'{path}.type must be the name of a class, got {kind!r}')
        return kind
    name = registry_at(path)
    if name is None:
        return None
    if '.' in kind:
        return _dotted(kind, name, path)
    registry = _registry(name)
    found = registry.module_dict.get(kind)  # as its `get`, which takes longer, looks first
    if found is not None:
        return found
    found = registry.get(kind) if re.fullmatch(r'[\w/-]+', kind) else None
    if found is None:
        hint = did_you_mean(kind, _registered(registry))
        raise UserError(f'{path}.type: no {kind} is registered in {name}{hint}')
    return found


@cache
def _registry(name: str) -> Registry:
    """MMSegmentation's registry of that name, or mmengine's."""
    for module in map(import_module, ('mmseg.registry', 'mmengine.registry')):
        if hasattr(module, name):
            return getattr(module, name)
    raise KeyError(name)


def _dotted(kind: str, name: str, path: str) -> Callable[..., Any]:
    """The class of a dotted type, if it is registered: building it must not run anything else."""
    module, _, attribute = kind.rpartition('.')
    registry = _registry(name)
    found = getattr(sys.modules.get(module), attribute, None)
    if found is None or found not in _classes(registry):
        raise UserError(
            f'{path}.type: {kind} is not registered in {name}, so it is not called; register it '
            'in a module of your own and name that in custom_imports'
        )
    return found


def check_built(node: Any, path: str) -> None:
    """Raise for a dotted type in what a part builds by itself, unless it is registered.

    Args:
        node: Such as a `norm_cfg` or an `init_cfg`, whose keys are the part's own matter.
        path: Where it stands.
    """
    if isinstance(node, (list, tuple)):
        node = dict(enumerate(node))
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == 'type' and isinstance(value, str) and '.' in value:
            _dotted(value, 'WEIGHT_INITIALIZERS' if 'init_cfg' in path else 'MODELS', path)
        check_built(value, f'{path}.{key}')


def _classes(registry: Registry | None) -> list[Any]:
    found: list[Any] = []
    while registry is not None:
        found += registry.module_dict.values()
        registry = registry.parent
    return found


def _registered(registry: Registry | None) -> set[str]:
    names: set[str] = set()
    while registry is not None:
        names |= set(registry.module_dict)
        registry = registry.parent
    return names


def arguments(target: Callable[..., Any]) -> frozenset[str] | None:
    """The keyword names that `target` takes, None when it takes any.

    A class that passes `**kwargs` on is followed to the classes it inherits from.
    """
    return _arguments_of_class(target) if inspect.isclass(target) else _names_of(target)


@lru_cache(maxsize=1024)
def _arguments_of_class(target: type) -> frozenset[str] | None:
    names: set[str] = set()
    for cls in target.__mro__:
        if '__init__' not in vars(cls):
            continue
        if cls in (object, nn.Module):
            break
        own = inspect.signature(cls.__init__).parameters.values()
        names |= {p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {
            'self'
        }
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            return frozenset(names)
    return None if names or target.__init__ is not object.__init__ else frozenset()


def _names_of(function: Callable[..., Any]) -> frozenset[str] | None:
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return frozenset(p.name for p in parameters)


def accepted_keys(node: dict, path: str) -> set[str] | None:
    """The keys that the dict at `path` may hold, None when that is unknown or free.

    Args:
        node: The dict; its `type`, if it has one, decides.
        path: Where it stands, such as `model.prompter`.
    """
    if node.get('type') is not None:
        target = find_type(node['type'], path)
        names = None if target is None else arguments(target)
        extra = _EXTRA_KEYS.get(registry_at(path) or '', set())
        return None if names is None else names | extra | {'type', '_scope_'}
    for pattern, receiver in _UNTYPED:
        if re.fullmatch(pattern, path):
            return _keys_of(receiver)
    return None


def is_trained(model: dict[str, Any] | None) -> bool:
    """Whether a model's config is of one with something to train, which a checkpoint then holds.

    A class says with `trains = False` that it has nothing.
    """
    return getattr(find_type((model or {}).get('type'), 'model'), 'trains', True)


def is_free(path: str) -> bool:
    """Whether the keys of the dict at `path` are names of the user's choice."""
    return re.fullmatch(_FREE, path) is not None


def _keys_of(receiver: set[str] | str | type) -> set[str]:
    if isinstance(receiver, set):
        return receiver
    if not isinstance(receiver, str):
        return (arguments(receiver) or set()) | _MMENGINE_LOADER_KEYS
    places = [place.split(':') for place in receiver.split()]
    targets = [getattr(import_module(module), name) for module, name in places]
    return set().union({'type'}, *(arguments(target) or set() for target in targets))
