"""The same losses however the global batch is split: random augmentation, unlabelled pixels."""

import json
from pathlib import Path

import torch
from running_tools import run_tool
from toy_parts import SEPARATE
from toy_run import write_data

from icpc.commands.train import train
from icpc.datasets.scenes.scene_classes import CLASSES

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / 'configs' / 'icpc' / 'icpc_tiny_fpn_1k_scenes-128.py'


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


def test_icpc_on_two_ranks_and_in_two_passes_is_icpc_on_one(tiny_resnet_cfg, tmp_path):
    (tmp_path / 'open_clip_config.json').write_text(json.dumps({'model_cfg': tiny_resnet_cfg}))
    options = {
        'data_root': str(write_data(tmp_path / 'data', low=0)),
        'model.clip.model': str(tmp_path),
        'model.clip.pretrained': None,
        'model.backbone.norm_eval': True,
        'model.decode_head.norm_cfg': None,
        'model.decode_head.dropout_ratio': 0.0,
        'held_out_classes': [CLASSES[2]],  # labels are of the first three
        'crop_size': 32,
        'global_batch': 4,
        'max_iters': 20,
        'val_interval': 20,
        'log_interval': 1,
        'num_workers': 0,
        'default_hooks.panel': None,
    }
    with torch.random.fork_rng():
        for batch in (4, 2):
            train(str(DEMO), {**options, 'gpu_batch': batch}, str(tmp_path / str(batch)))
    words = [str(DEMO), '--work-dir', str(tmp_path / 'ranks'), '--cfg-options']
    words += [f'{key}={value}' for key, value in options.items()]
    printed = run_tool('train.py', *words, ranks=2, log=tmp_path / 'log')
    assert 'global batch 4 = 2 rank(s) x 2 images x 1 accumulation' in printed
    whole, passes, ranks = (losses(tmp_path / name) for name in ('4', '2', 'ranks'))
    assert len(whole) == 20
    for others in (passes, ranks):
        assert max(abs(a - b) for a, b in zip(whole, others, strict=True)) < 1e-5
