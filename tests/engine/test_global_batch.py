"""The same losses however the global batch is split: random augmentation, unlabelled pixels."""

import json

import torch
from toy_parts import SEPARATE

from icpc.engine.training import train


def losses(folder):
    lines = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    return [line['loss'] for line in lines if line['split'] == 'train']


def test_two_passes_of_two_are_one_of_four_over_twenty_steps(toy_config, tmp_path):
    options = {
        'max_iters': 20,
        'val_interval': 20,
        'log_interval': 1,
        'default_hooks.panel': None,
        **SEPARATE,
    }
    with torch.random.fork_rng():
        for batch in (4, 2):
            train(str(toy_config), {**options, 'gpu_batch': batch}, str(tmp_path / str(batch)))
    whole, parts = (losses(tmp_path / str(batch)) for batch in (4, 2))
    assert len(whole) == 20
    assert max(abs(one - other) for one, other in zip(whole, parts, strict=True)) < 1e-5
