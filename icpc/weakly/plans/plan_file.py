"""The file of a plan: Python that names the config of each stage; overrides of it."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...config.user_modules import python_values
from ...errors import UserError
from ...startup.packaged import find_config
from ..refinement import WITH_BOUNDARIES, check_refinement
from ..stage_plan import TRAINED, Plan

_UNTRAINED = 'tags', 'names', 'seeds', 'masks'


def plan_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part overrides of the plan from those of configs.

    The plan's are the config of a trained stage (`clims.config`), such a stage as a whole
    (`clims=None` leaves it out), and `tags`, `names`, `seeds` and `masks` with what is in them.
    `tags` alone is a config's, unless it is a dict.

    Args:
        options: Dotted key -> value.

    Returns:
        Those of the plan, and the rest.
    """

    def is_plans(key: str, value: Any) -> bool:
        first, dot, rest = key.partition('.')
        whole = not dot and (value is None or isinstance(value, dict))
        if first in TRAINED:
            return whole or rest == 'config'
        return first in _UNTRAINED and (whole or bool(dot))

    own = {key: value for key, value in options.items() if is_plans(key, value)}
    return own, {key: value for key, value in options.items() if key not in own}


def _laid_over(tree: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """A plan's values with overrides; what a former refinement had as options goes with it."""
    tree = deepcopy(tree)
    if 'masks.refine' in options and options['masks.refine'] != tree.get('masks', {}).get('refine'):
        tree['masks'] = {**tree.get('masks', {}), 'options': {}}
    for key, value in options.items():
        *parts, last = key.split('.')
        place = tree
        for part in parts:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[last] = value
    return tree


def load_plan(path: str | Path, options: dict[str, Any] | None = None) -> Plan:
    """Read a plan: Python that sets the attributes of :class:`Plan` but `path`.

    Helper variables start with an underscore.

    Args:
        path: The file, or the name of a packaged plan.
        options: Overrides, from :func:`plan_options`; a config that they name is relative to the
            plan's file, or a packaged one.

    Raises:
        UserError: For an error in the file, and a missing, unknown or wrong value.
    """
    path = find_config(path, 'plan')
    given = _laid_over(python_values(path), options or {})
    try:
        plan = Plan(path=path, **given)
    except ValidationError as error:
        first = error.errors()[0]
        key = '.'.join(map(str, first['loc']))
        raise UserError(
            f'{path}: {key}: {first["msg"]}; a plan sets tags=dict(source=, path=), '
            'cam=dict(config=), retrain=dict(config=), and may set names=dict(), '
            'clims=dict(config=), '
            'boundary=dict(config=), seeds=dict(foreground=) and masks=dict(refine=)'
        ) from error
    if plan.names is not None and plan.clims is None:
        raise UserError(
            f'{path}: names are chosen for stage 2 alone: set clims=dict(config=), such as '
            "'pole/pole_tiny_scenes-128', or leave names out"
        )
    for stage in plan.trained:
        plan.config_of(stage)
    _check_refinement(plan)
    return plan


def _check_refinement(plan: Plan) -> None:
    """Refuse a refinement that is unknown, lacks its network, or leaves one unused."""
    name, options = plan.masks.refine, plan.masks.options
    walks = name == WITH_BOUNDARIES
    if plan.boundary is not None and not walks:
        raise UserError(
            f'{plan.path}: the boundary network would be trained for nothing: set '
            f"masks=dict(refine='{WITH_BOUNDARIES}'), or leave boundary out"
        )
    if walks and plan.boundary is None and 'network' not in options:
        raise UserError(
            f"{plan.path}: refine='{WITH_BOUNDARIES}' needs a boundary network: set "
            'boundary=dict(config=), or masks.options network= to the work directory of one'
        )
    if walks and plan.boundary is not None:
        if 'network' in options:
            raise UserError(
                f'{plan.path}: masks.options network= names another boundary network than the '
                'stage boundary; leave one of them out'
            )
        options = {**options, 'network': 'boundary'}
    check_refinement(name, options)
