"""A plan of stages: a Python file that names the config of each."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from ..config.user_modules import python_values
from ..errors import UserError
from ..startup.packaged import find_config


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


class MaskPlan(BaseModel, frozen=True, extra='forbid'):
    """How maps become masks.

    Attributes:
        refine: `none`, or a name of `refinement.REFINERS`.
        options: Arguments of the refinement.
        uncertain: Pixels whose largest map is nearer than this to the threshold are ignored.
    """

    refine: str = 'none'
    options: dict[str, Any] = {}
    uncertain: float = Field(0.0, ge=0, lt=1)


class Plan(BaseModel, frozen=True, extra='forbid'):
    """The stages.

    Attributes:
        path: The plan's file.
        tags: Stage 0.
        cam: Stage 1, a classifier of tags.
        clims: Stage 2, trained on from stage 1's weights; None for none.
        masks: Stage 3.
        retrain: Stage 4, a segmentor on the pseudo masks.
    """

    path: Path
    tags: TagPlan
    cam: RunPlan
    clims: RunPlan | None = None
    masks: MaskPlan = MaskPlan()
    retrain: RunPlan

    def config_of(self, stage: str) -> Path:
        """The file of a stage's config.

        Args:
            stage: `cam`, `clims` or `retrain`.
        """
        name = getattr(self, stage).config
        beside = self.path.parent / name
        try:
            return beside if beside.is_file() else find_config(name)
        except UserError as error:
            raise UserError(f'{self.path}: {stage}: {error}') from error


def load_plan(path: str | Path) -> Plan:
    """Read a plan: Python that sets `tags`, `cam`, `masks`, `retrain` and perhaps `clims`.

    Helper variables start with an underscore.

    Raises:
        UserError: For an error in the file, and a missing, unknown or wrong value.
    """
    path = find_config(path, 'plan')
    given = python_values(path)
    try:
        plan = Plan(path=path, **given)
    except ValidationError as error:
        first = error.errors()[0]
        key = '.'.join(map(str, first['loc']))
        raise UserError(
            f'{path}: {key}: {first["msg"]}; a plan sets tags=dict(source=, path=), '
            'cam=dict(config=), retrain=dict(config=), and may set clims=dict(config=) and '
            'masks=dict(refine=)'
        ) from error
    for stage in ('cam', 'clims', 'retrain'):
        if getattr(plan, stage) is not None:
            plan.config_of(stage)
    return plan
