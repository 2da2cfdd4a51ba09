"""What a run reads, looked at once before a study's first run."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ...clip.loading import fault_of_clip
from ...datasets.checks.verification import verify_layout
from ...errors import UserError

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@dataclass(frozen=True)
class Inputs:
    """The parts of a resolved config that say what is read and what is measured.

    Attributes:
        datasets: Configs of the datasets that the run reads.
        clip: Config of CLIP, None without one.
        evaluator: Config of the metrics of the study's split.
        classes: Names, in label order; None where the dataset tells them only when it is built.
    """

    datasets: list[dict[str, Any]] = field(default_factory=list)
    clip: dict[str, Any] | None = None
    evaluator: Any = None
    classes: list[str] | None = None


def inputs_of(config: dict[str, Any], split: str) -> Inputs:
    """The inputs in a resolved config.

    Args:
        config: As `load_config` returns it.
        split: `val` or `test`.
    """
    datasets = [(config.get(key) or {}).get('dataset') for key in _LOADERS]
    return Inputs(
        [dataset for dataset in datasets if dataset],
        (config.get('model') or {}).get('clip'),
        config.get(f'{split}_evaluator'),
        config.get('class_names'),
    )


def missing_inputs(inputs: Iterable[Inputs]) -> list[str]:
    """What is wrong with the data and the CLIPs on disk, each said once.

    Args:
        inputs: Of the runs to make.
    """
    datasets, clips = {}, {}
    for one in inputs:
        for dataset in one.datasets:
            places = [dataset.get(key) for key in ('data_root', 'data_prefix', 'ann_file')]
            datasets[json.dumps(places, default=str)] = dataset
        if one.clip:
            places = [one.clip.get(key) for key in ('model', 'pretrained')]
            clips[json.dumps(places, default=str)] = one.clip
    found = [_fault_of_data(dataset) for dataset in datasets.values()]
    found += [fault_of_clip(clip.get('model'), clip.get('pretrained')) for clip in clips.values()]
    return list(dict.fromkeys(fault for fault in found if fault is not None))


def _fault_of_data(dataset: dict[str, Any]) -> str | None:
    try:
        verify_layout(dataset)
    except UserError as error:
        return str(error)
    return None
