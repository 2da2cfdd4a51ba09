"""The embedded dataset of procedural scenes for MMSegmentation."""

import json
from pathlib import Path

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from icpc.datasets.scenes.scene_classes import CLASSES, CONDITIONS, PALETTE
from icpc.datasets.scenes.scene_files import META_FILE
from icpc.errors import UserError, did_you_mean
from icpc.startup.program import name_of


@DATASETS.register_module()
class ScenesDataset(BaseSegDataset):
    """Procedural scenes in ADE20K's layout: 8-bit masks, 0 = unlabelled, 1..18 = classes.

    Args:
        img_suffix: the suffix of the pictures.
        seg_map_suffix: the suffix of the masks.
        reduce_zero_label: maps 0 to the ignored 255 and 1..18 to 0..17; leave it on.
        filter_cfg: ``dict(conditions=[...])`` leaves only pictures of these: day, dusk, night, fog,
            snow; None for all. ``indices`` counts what is left.
        **kwargs: as for BaseSegDataset, which raises on an unknown one.

    A picture's ``condition``, where ``meta.json`` tells it, is in its results and, if the pipeline
    packs it (``meta_keys``), in its sample's metainfo.

    Raises:
        UserError: an unknown condition, no ``meta.json`` to tell it, or too few pictures.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)

    def __init__(
        self,
        img_suffix: str = '.png',
        seg_map_suffix: str = '.png',
        reduce_zero_label: bool = True,
        filter_cfg: dict | None = None,
        **kwargs: object,
    ) -> None:
        _check_filter(filter_cfg or {})
        super().__init__(
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            reduce_zero_label=reduce_zero_label,
            filter_cfg=filter_cfg,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """The split's pictures, with their condition where ``meta.json`` tells it."""
        pictures = super().load_data_list()
        known = _read_conditions(self._meta_file, self._split)
        for picture in pictures if known else ():
            picture['condition'] = known[int(Path(picture['img_path']).stem)]
        return pictures

    def filter_data(self) -> list[dict]:
        """Leave out pictures of other conditions."""
        conditions = (self.filter_cfg or {}).get('conditions')
        if conditions is None:
            return self.data_list
        if 'condition' not in self.data_list[0]:
            raise UserError(
                f'{self._meta_file} tells no conditions of {self._split}: write the scenes with '
                f'{name_of("prepare-data")}, or set the conditions to None'
            )
        chosen = [picture for picture in self.data_list if picture['condition'] in conditions]
        wanted = self._indices if isinstance(self._indices, int) else 1
        if len(chosen) < wanted:
            raise UserError(
                f'{self.data_root}: {len(chosen)} {self._split} pictures have the conditions '
                f'{list(conditions)}, {wanted} are wanted'
            )
        return chosen

    @property
    def _meta_file(self) -> Path:
        return Path(self.data_root or '.') / META_FILE

    @property
    def _split(self) -> str:
        return Path(self.data_prefix['img_path']).name


def _check_filter(filter_cfg: dict) -> None:
    for key in filter_cfg.keys() - {'conditions'}:
        raise UserError(f"ScenesDataset.filter_cfg has no key {key!r}, only 'conditions'")
    for name in filter_cfg.get('conditions') or ():
        if name not in CONDITIONS:
            raise UserError(
                f'scenes have no condition {name!r}{did_you_mean(name, CONDITIONS)} '
                f'(there are {", ".join(CONDITIONS)})'
            )


def _read_conditions(meta: Path, split: str) -> list[str]:
    """The condition of each picture of a split, none where the file does not tell."""
    return (
        json.loads(meta.read_text()).get('conditions', {}).get(split, []) if meta.is_file() else []
    )
