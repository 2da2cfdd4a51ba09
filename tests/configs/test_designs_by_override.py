"""Every prompt design trains on the demo's config by an override alone."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from icpc.config.load import load_config

DEMO = Path(__file__).parents[2] / 'configs' / 'icpc' / 'icpc_tiny_fpn_1k_scenes-128.py'
DESIGNS = {
    'template': ['model.prompter.type=TemplatePrompter'],
    'ensemble': ['model.prompter.type=TemplatePrompter', "model.prompter.template=['a {}','{}']"],
    'coop': ['model.prompter.type=StaticPrompter'],
    'coop per class': ['model.prompter.type=StaticPrompter', 'model.prompter.class_specific=True'],
    'coop middle': ['model.prompter.type=StaticPrompter', 'model.prompter.name_position=middle'],
    'cocoop': ['model.prompter.type=CoCoOpPrompter'],
    'instance add': ['model.prompter.mode=add'],
    'instance concat': ['model.prompter.mode=concat'],
    'instance attend': ['model.prompter.mode=attend'],
    'text in parts': ['model.prompter.text_encoder.memory_budget=0.05'],
    'post': ['model.prompter.type=PostModelPrompter'],
    'pre and post': ['model.prompter.type=PrePostPrompter'],
    'class vectors': ['model.prompter.type=ClassVectorPrompter'],
    'shuffled names': ['model.shuffle_names=0'],
    'constant condition': ['model.prompter.condition=constant'],
    'score concat': ['model.neck.type=ScoreConcat'],
    'no text': ['model.prompter=None'],
    'held-out classes': ["held_out_classes=['sea','cow']"],
    'held-out, no text': ["held_out_classes=['sea','cow']", 'model.prompter=None'],
}


@pytest.mark.parametrize('design', DESIGNS)
def test_one_step(tiny_clip_folder, design):
    options = [f'model.clip.model={tiny_clip_folder}', 'model.clip.pretrained=None']
    config = load_config(DEMO, [*options, *DESIGNS[design]])
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    labels = PixelData(data=torch.randint(0, 18, (1, 128, 128)))
    losses = model.loss(torch.randn(2, 3, 128, 128), [SegDataSample(gt_sem_seg=labels)] * 2)
    expected = set() if design.endswith('no text') else {'loss_score_map', 'loss_align'}
    assert {name for name in losses if name.startswith('loss_')} == expected
    total = sum(value for name, value in losses.items() if 'loss' in name)
    total.backward()
    assert torch.isfinite(total)
    idle = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []


def test_held_out_classes_reach_model_and_metrics_by_one_override():
    config = load_config(DEMO, ["held_out_classes=['sea','cow']"])
    for part in (config.model, config.val_evaluator, config.test_evaluator):
        assert part.held_out_classes == ['sea', 'cow']


def test_a_condition_shift_by_one_override():
    config = load_config(DEMO, ["train_conditions=['day','dusk']", 'train_images=100'])
    chosen = {
        split: config[f'{split}_dataloader'].dataset.filter_cfg.conditions
        for split in ('train', 'val', 'test')
    }
    assert chosen == {'train': ['day', 'dusk'], 'val': ['day', 'dusk'], 'test': None}
    for split in ('val', 'test'):
        assert config[f'{split}_evaluator'].seen_conditions == ['day', 'dusk']
        assert 'condition' in config[f'{split}_dataloader'].dataset.pipeline[-1].meta_keys
