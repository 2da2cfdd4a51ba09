"""Whether the state in a checkpoint is one that an optimiser and the logs can go on from."""

from typing import Any

from mmengine.optim import OptimWrapper
from torch import Tensor


def check_like(saved: Any, own: dict[str, Any], what: str) -> None:
    """Raise unless a saved part has all settings of ours, each of its type.

    Args:
        saved: Of a checkpoint.
        own: The state of the same part as it is built.
        what: Its name, for the message.

    Raises:
        ValueError: With the settings that are missing or of another type.
    """
    if not isinstance(saved, dict):
        raise ValueError(f'{what} is no dict')
    odd = [key for key in own if key not in saved or not _is_like(own[key], saved[key])]
    if odd:
        raise ValueError(f'{what}: {", ".join(map(str, odd))}')


def check_state(saved: dict[str, Any], wrapper: OptimWrapper) -> None:
    """Raise unless a saved state has the groups and, for each parameter, the tensors that it needs.

    `load_state_dict` compares numbers of parameters alone; what is wrong would come up in a step.

    Args:
        saved: `optimizer` of a checkpoint.
        wrapper: The optimiser in its wrapper, as it is built, before its first step.

    Raises:
        ValueError: With the first part that does not fit.
    """
    optimizer, base = wrapper.optimizer, getattr(wrapper, 'base_param_settings', None)
    if base is not None and saved.get('base_param_settings') is not None:
        check_like(saved['base_param_settings'], base, 'its base_param_settings')
    groups = optimizer.state_dict()['param_groups']
    for number, (own, group) in enumerate(zip(groups, saved['param_groups'], strict=True)):
        check_like(group, own, f'its parameter group {number}')
        if len(own['params']) != len(group['params']):
            raise ValueError(f'the number of parameters in its group {number}')
    shapes = [p.shape for group in optimizer.param_groups for p in group['params']]
    keys = {frozenset(state) for state in saved['state'].values()}
    if len(keys) > 1:
        raise ValueError('not every parameter has the same state')
    for index, state in saved['state'].items():
        for key, value in state.items():
            fits = isinstance(value, Tensor) and (
                value.shape == shapes[index] or value.numel() == 1 or 'buffer' in key
            )
            fits = fits or value is None or (key == 'step' and isinstance(value, (int, float)))
            if not fits:
                raise ValueError(f'{key} of its parameter {index}')


def check_meta(meta: dict[str, Any]) -> None:
    """Raise unless steps and seed are whole numbers.

    Raises:
        ValueError: With the entry that is none.
    """
    for key in ('iter', 'validated', 'seed'):
        value = meta.get(key)
        if type(value) is not int and (value is not None or key == 'iter'):
            raise ValueError(f'{key} of its meta')


def check_hub(hub: dict[str, Any]) -> None:
    """Raise unless the log histories and the flags are of the types that mmengine keeps.

    Raises:
        ValueError: With the part that is not.
    """
    if not all(type(flag) is bool for flag in hub['resumed_keys'].values()):
        raise ValueError('resumed_keys of its message_hub')
    for key, kept in hub['log_scalars'].items():
        logs, counts, most = kept['logs'], kept['counts'], kept['max_length']
        if logs.dim() != 1 or logs.shape != counts.shape or not len(logs) or type(most) is not int:
            raise ValueError(f'{key} of its message_hub')
    if not isinstance(hub['runtime_info'], dict):
        raise ValueError('runtime_info of its message_hub')


def _is_like(own: Any, other: Any) -> bool:
    """Whether two settings of a group are of one kind; a schedule changes numbers."""
    numbers = (int, float)
    if isinstance(own, numbers) and not isinstance(own, bool):
        return isinstance(other, numbers)
    if isinstance(own, (list, tuple)):
        same = isinstance(other, (list, tuple)) and len(own) == len(other)
        return same and all(map(_is_like, own, other))
    if isinstance(own, dict):
        return isinstance(other, dict) and all(_is_like(own[k], other.get(k)) for k in own)
    return own is None or other is None or isinstance(other, type(own))
