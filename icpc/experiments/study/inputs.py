"""What runs read, looked at once before a study's first run."""

import json
from collections.abc import Iterable
from typing import Any

from ...clip.loading import fault_of_clip
from ...datasets.checks.verification import verify_layout
from ...errors import UserError
from .runs import datasets_of


def missing_inputs(configs: Iterable[dict[str, Any]]) -> list[str]:
    """What is wrong with the data and the CLIPs on disk, each said once.

    Args:
        configs: The resolved configs of the runs to make.
    """
    datasets, clips = {}, {}
    for config in configs:
        for dataset in datasets_of(config).values():
            datasets[_places(dataset, 'data_root', 'data_prefix', 'ann_file')] = dataset
        clip = (config.get('model') or {}).get('clip')
        if clip:
            clips[_places(clip, 'model', 'pretrained')] = clip
    found = [_fault_of_data(dataset) for dataset in datasets.values()]
    found += [fault_of_clip(clip.get('model'), clip.get('pretrained')) for clip in clips.values()]
    return list(dict.fromkeys(fault for fault in found if fault is not None))


def _places(part: dict[str, Any], *keys: str) -> str:
    return json.dumps([part.get(key) for key in keys], default=str)


def _fault_of_data(dataset: dict[str, Any]) -> str | None:
    try:
        verify_layout(dataset)
    except UserError as error:
        return str(error)
    return None
