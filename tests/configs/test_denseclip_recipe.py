"""DenseCLIP's published recipe, each hyper-parameter."""

from pathlib import Path

import pytest

from icpc.config.load import load_config

FOLDER = Path(__file__).parents[2] / 'configs' / 'denseclip'
LEAVES = {
    'denseclip_rn50_fpn_80k_ade20k-512.py': (512, 341, 'RN50-quickgelu'),
    'denseclip_rn101_fpn_80k_ade20k-512.py': (512, 341, 'RN101-quickgelu'),
    'denseclip_vit-b16_fpn_80k_ade20k-640.py': (640, 426, 'ViT-B-16-quickgelu'),
}


@pytest.fixture(params=LEAVES)
def leaf(request):
    return load_config(FOLDER / request.param), *LEAVES[request.param]


def test_all_leaves_are_listed():
    assert sorted(path.name for path in FOLDER.glob('*_ade20k-[0-9]*.py')) == sorted(LEAVES)


def test_data(leaf):
    config, size, stride, _ = leaf
    steps = {step['type']: step for step in config.train_dataloader.dataset.pipeline}
    assert tuple(steps['RandomResize']['scale']) == (2048, size)
    assert tuple(steps['RandomResize']['ratio_range']) == (0.5, 2.0)
    assert tuple(steps['RandomCrop']['crop_size']) == (size, size)
    assert steps['RandomCrop']['cat_max_ratio'] == 0.75
    assert steps['RandomFlip']['prob'] == 0.5
    assert list(steps) == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'RandomResize',
        'RandomCrop',
        'RandomFlip',
        'PhotoMetricDistortion',
        'PackSegInputs',
    ]
    assert set(steps['PhotoMetricDistortion']) == {'type'}  # MMSegmentation's defaults
    assert config.train_dataloader.dataset.type == 'ADE20KDataset'  # reduce_zero_label inside
    preprocessor = config.model.data_preprocessor
    clip_mean, clip_std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    assert [v / 255 for v in preprocessor.mean] == pytest.approx(clip_mean, abs=1e-6)
    assert [v / 255 for v in preprocessor.std] == pytest.approx(clip_std, abs=1e-6)
    assert (preprocessor.pad_val, preprocessor.seg_pad_val) == (0, 255)
    assert preprocessor.bgr_to_rgb
    assert tuple(preprocessor.size) == (size, size)


def test_optimiser_and_schedule(leaf):
    config = leaf[0]
    assert config.global_batch == 32
    assert config.max_iters == config.train_cfg.max_iters == 80000
    optimizer = config.optim_wrapper.optimizer
    assert optimizer == dict(type='AdamW', lr=1e-4, weight_decay=1e-4)
    groups = config.optim_wrapper.paramwise_cfg
    assert groups == dict(custom_keys=dict(backbone=dict(lr_mult=0.1)), norm_decay_mult=0.0)
    assert config.optim_wrapper.clip_grad is None
    warmup, poly = config.param_scheduler
    assert (warmup.type, warmup.start_factor, warmup.begin, warmup.end) == (
        'LinearLR',
        1e-6,
        0,
        1500,
    )
    assert (poly.type, poly.power, poly.eta_min, poly.end) == ('PolyLR', 0.9, 1e-6, 80000)


def test_inference(leaf):
    config, size, stride, _ = leaf
    assert config.model.test_cfg == dict(
        mode='slide', crop_size=(size, size), stride=(stride, stride)
    )
    resize = config.test_dataloader.dataset.pipeline[1]
    assert (resize['type'], tuple(resize['scale'])) == ('Resize', (2048, size))
    assert resize['keep_ratio']
    scales, flips = config.tta_pipeline[1]['transforms'][:2]
    ratios = [step['scale'][1] / size for step in scales]
    assert ratios == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    assert [step['scale'][0] / 2048 for step in scales] == ratios
    assert [step['prob'] for step in flips] == [0.0, 1.0]


def test_model(leaf):
    config, size, _, clip = leaf
    model = config.model
    assert model.clip == dict(model=clip, pretrained='openai', image_size=size)
    assert model.prompter == dict(
        type='PostModelPrompter',
        num_contexts=8,
        width=256,
        heads=4,
        layers=3,
        dropout=0.1,
        gamma=1e-4,
    )
    assert model.neck == dict(type='ScoreConcat', out_channels=256)
    assert set(model.losses) == {'score_map'}
    loss = model.losses.score_map
    assert (loss.type, loss.weight, loss.temperature) == ('ScoreMapLoss', 0.4, 0.07)
    head = model.decode_head
    assert (head.channels, head.dropout_ratio) == (256, 0.1)
    assert head.loss_decode.type.endswith('CrossEntropyLoss')
    assert config.norm_cfg.type == 'SyncBN'
    assert model.backbone.get('drop_path', 0.0) == (0.1 if clip.startswith('ViT') else 0.0)
