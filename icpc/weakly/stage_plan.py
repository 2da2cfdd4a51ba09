"""A plan of stages, each with its config."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from ..errors import UserError
from ..startup.packaged import find_config

TRAINED = 'cam', 'clims', 'boundary', 'retrain'


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

    @model_validator(mode='after')
    def _of_masks(self) -> 'TagPlan':
        if self.smallest and self.source != 'masks':
            raise ValueError(
                f"smallest is of source='masks' alone, and does nothing for {self.source}"
            )
        return self


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

    @field_validator('refine', mode='before')
    @classmethod
    def _named(cls, value: Any) -> Any:
        return 'none' if value is None else value  # a command line reads none as None


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
