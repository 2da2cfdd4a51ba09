"""A plan of stages: a Python file that names the config of each."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from ..config.user_modules import python_values
from ..errors import UserError
from ..startup.packaged import find_config
from .refinement import WITH_BOUNDARIES, check_refinement

TRAINED = 'cam', 'clims', 'boundary', 'retrain'
_UNTRAINED = 'tags', 'names', 'seeds', 'masks'


class TagPlan(BaseModel, frozen=True, extra='forbid'):
    """Where the tags come from.

    Attributes:
        source: `masks` (the classes of each mask), `xml` (VOC's annotations of objects), `coco` (an
            instances file), or `file` (a CSV or JSON of one's own).
        path: Of the masks, the XML files, the instances or the own file: a path, or one below
            `data_root`.
        smallest: Share of a picture, in 0..1, that a class of a mask must cover to be a tag.
    """

    source: Literal['masks', 'xml', 'coco', 'file']
    path: str
    smallest: float = Field(0.0, ge=0, lt=1)


class RunPlan(BaseModel, frozen=True, extra='forbid'):
    """A stage that is trained.

    Attributes:
        config: A config's path, relative to the plan's file, or the name of a packaged one.
        options: Overrides.
    """

    config: str
    options: dict[str, Any] = {}


class NamePlan(BaseModel, frozen=True, extra='forbid'):
    """POLE's choice of a name for each picture and class, from stage 1's CAMs.

    Attributes:
        published: With the slips of POLE's code.
    """

    published: bool = False


class SeedPlan(BaseModel, frozen=True, extra='forbid'):
    """What of the CAMs the boundary network learns from.

    Attributes:
        foreground: A map above it is sure to be its class (IRN: 0.3).
        background: Where no map is above it, the background is sure (IRN: 0.1); what lies between
            is unknown.
        crf: Whether a dense CRF refines both, as published.
    """

    foreground: float = Field(0.3, gt=0, lt=1)
    background: float = Field(0.1, gt=0, lt=1)
    crf: bool = True

    @model_validator(mode='after')
    def _ordered(self) -> 'SeedPlan':
        if self.background > self.foreground:
            raise ValueError('background must not be above foreground')
        return self


class MaskPlan(BaseModel, frozen=True, extra='forbid'):
    """How maps become masks.

    Attributes:
        refine: `none`, or a name of `refinement`.
        options: Arguments of the refinement.
        uncertain: Pixels whose largest map is nearer than this to the threshold are ignored.
        threshold: Of the background where no picture has a mask to sweep it on; None for the
            classifier's.
    """

    refine: str = 'none'
    options: dict[str, Any] = {}
    uncertain: float = Field(0.0, ge=0, lt=1)
    threshold: float | None = Field(None, ge=0, lt=1)


class Plan(BaseModel, frozen=True, extra='forbid'):
    """The stages.

    Attributes:
        path: The plan's file.
        tags: Stage 0.
        cam: Stage 1, a classifier of tags.
        names: The table of names that stage 2 reads as its `choices`; None for none.
        clims: Stage 2, trained on from stage 1's weights; None for none.
        seeds: What the boundary network learns from.
        boundary: IRN's network of edges, for `refine='irn'`; None for none.
        masks: Stage 3.
        retrain: Stage 4, a segmentor on the pseudo masks.
    """

    path: Path
    tags: TagPlan
    cam: RunPlan
    names: NamePlan | None = None
    clims: RunPlan | None = None
    seeds: SeedPlan = SeedPlan()
    boundary: RunPlan | None = None
    masks: MaskPlan = MaskPlan()
    retrain: RunPlan

    @property
    def trained(self) -> list[str]:
        """The stages that are trained, in their order."""
        return [one for one in TRAINED if getattr(self, one) is not None]

    @property
    def classifier(self) -> str:
        """The stage whose CAMs become masks."""
        return 'cam' if self.clims is None else 'clims'

    def config_of(self, stage: str) -> Path:
        """The file of a stage's config.

        Args:
            stage: One of TRAINED.
        """
        name = getattr(self, stage).config
        beside = self.path.parent / name
        try:
            return beside if beside.is_file() else find_config(name)
        except UserError as error:
            raise UserError(f'{self.path}: {stage}: {error}') from error


def plan_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part overrides of the plan from those of configs.

    The plan's are the config of a trained stage (`clims.config`), such a stage that is left out
    (`clims=None`), `names`, and all that begins with `tags.`, `names.`, `seeds.` or `masks.`.

    Args:
        options: Dotted key -> value.

    Returns:
        Those of the plan, and the rest.
    """

    def is_plans(key: str, value: Any) -> bool:
        first, dot, rest = key.partition('.')
        if first in TRAINED:
            return rest == 'config' or (not dot and value is None)
        return first in _UNTRAINED and (bool(dot) or first == 'names')

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
