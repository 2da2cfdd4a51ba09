activation_checkpointing = False
classes = [
    'sky',
    'sea',
    'sand',
    'grass',
    'field',
    'road',
    'mountain',
    'forest',
    'wall',
    'building',
    'house',
    'tree',
    'car',
    'boat',
    'person',
    'sheep',
    'cow',
    'balloon',
]
clip_grad = None
compile = False
crop_size = 128
custom_imports = dict(
    allow_failed_imports=False,
    imports=[
        'icpc',
    ],
)
data_root = 'data/scenes'
dataset_type = 'ScenesDataset'
default_hooks = dict(
    checkpoint=dict(interval='${val_interval}', type='NewestCheckpointsHook'),
    ema=dict(decay='${ema}', type='WeightAverageHook'),
    labels=dict(type='LabelCheckHook'),
    logger=dict(interval='${log_interval}', log_metric_by_epoch=False, type='LoggerHook'),
    memory=dict(type='MemoryEstimateHook'),
    metrics=dict(interval='${log_interval}', tracker='${tracker}', type='MetricsFileHook'),
    panel=dict(type='PanelHook'),
    prior=dict(type='ClassPriorHook'),
    progress=dict(type='ProgressHook'),
    switches=dict(
        activation_checkpointing='${activation_checkpointing}',
        compile='${compile}',
        type='ModelSwitchesHook',
    ),
)
default_scope = 'mmseg'
ema = None
env_cfg = dict(
    cudnn_benchmark=False,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
)
eval_batch = 8
global_batch = 8
gpu_batch = 8
held_out_classes = None
ignore_index = 255
load_from = None
log_interval = '${max(1, max_iters // 200)}'
log_processor = dict(by_epoch=False)
lr = 0.002
max_iters = 1000
meta_keys = [
    'img_path',
    'seg_map_path',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'reduce_zero_label',
    'condition',
]
model = dict(
    backbone=dict(dense='value', output_stride=16),
    class_names='${class_names}',
    clip=dict(image_size=None, model='scenes_clip', pretrained='auto'),
    data_preprocessor=dict(
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val='${ignore_index}',
        size=(
            '${crop_size}',
            '${crop_size}',
        ),
        type='SegDataPreProcessor',
    ),
    decode_head=dict(
        channels=64,
        dropout_ratio=0.1,
        ignore_index='${ignore_index}',
        loss_decode=dict(avg_non_ignore=True, type='CrossEntropyLoss'),
        norm_cfg='${norm_cfg}',
        type='SemanticFPNHead',
    ),
    held_out_classes='${held_out_classes}',
    losses=dict(
        align=dict(guidance='hard', type='AlignContrastiveLoss', weight=0.1),
        score_map=dict(
            ignore_index='${ignore_index}', temperature=0.07, type='ScoreMapLoss', weight=0.4
        ),
    ),
    neck=dict(
        levels=[
            0,
            1,
            2,
            3,
        ],
        out_channels=64,
        type='MultiScaleAlignment',
    ),
    prompter=dict(init='a photo of a', mode='add', type='InstancePrompter'),
    test_cfg=dict(
        crop_size=(
            '${crop_size}',
            '${crop_size}',
        ),
        mode='whole',
        stride=(
            '${crop_size * 2 // 3}',
            '${crop_size * 2 // 3}',
        ),
    ),
    type='CLIPSegmentor',
)
norm_cfg = dict(requires_grad=True, type='SyncBN')
num_workers = 1
optim_wrapper = dict(
    clip_grad='${clip_grad}',
    constructor='GroupedOptimConstructor',
    optimizer=dict(lr='${lr}', type='AdamW', weight_decay='${weight_decay}'),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1)), norm_decay_mult=0.0),
    type='OptimWrapper',
)
parallel = 'ddp'
param_scheduler = [
    dict(
        begin=0, by_epoch=False, end='${max(2, warmup_iters)}', start_factor=1e-06, type='LinearLR'
    ),
    dict(
        begin='${max(2, warmup_iters)}',
        by_epoch=False,
        end='${max(max_iters, warmup_iters + 1, 3)}',
        eta_min=1e-06,
        power=0.9,
        type='PolyLR',
    ),
]
randomness = dict(seed='${seed}')
resume = False
seed = 0
test_cfg = dict(type='TestLoop')
test_conditions = None
test_dataloader = dict(
    batch_size='${eval_batch}',
    dataset=dict(
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        data_root='${data_root}',
        filter_cfg=dict(conditions='${test_conditions}'),
        pipeline='${test_pipeline}',
        type='${dataset_type}',
    ),
    num_workers='${num_workers}',
    sampler=dict(round_up=False, shuffle=False, type='DefaultSampler'),
)
test_evaluator = dict(
    held_out_classes='${held_out_classes}',
    ignore_index='${ignore_index}',
    seen_conditions='${train_conditions}',
    type='StreamingIoU',
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(meta_keys='${meta_keys}', type='PackSegInputs'),
]
tracker = None
train_cfg = dict(max_iters='${max_iters}', type='GlobalBatchLoop', val_interval='${val_interval}')
train_conditions = None
train_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        data_root='${data_root}',
        filter_cfg=dict(conditions='${train_conditions}'),
        indices='${train_images}',
        pipeline='${train_pipeline}',
        type='${dataset_type}',
    ),
    num_workers='${num_workers}',
    sampler=dict(type='PositionSampler'),
)
train_images = None
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        cat_max_ratio=1.0,
        crop_size=(
            '${crop_size}',
            '${crop_size}',
        ),
        type='RandomCrop',
    ),
    dict(prob=0.5, type='RandomFlip'),
    dict(
        brightness_delta=16,
        contrast_range=(
            0.8,
            1.2,
        ),
        hue_delta=6,
        saturation_range=(
            0.8,
            1.2,
        ),
        type='PhotoMetricDistortion',
    ),
    dict(type='PackSegInputs'),
]
tta_model = dict(type='CLIPTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        transforms=[
            [
                dict(keep_ratio=True, scale_factor=1.0, type='Resize'),
                dict(keep_ratio=True, scale_factor=1.25, type='Resize'),
                dict(keep_ratio=True, scale_factor=1.5, type='Resize'),
            ],
            [
                dict(prob=0.0, type='RandomFlip'),
                dict(prob=1.0, type='RandomFlip'),
            ],
            [
                dict(type='LoadAnnotations'),
            ],
            [
                dict(meta_keys='${meta_keys}', type='PackSegInputs'),
            ],
        ],
        type='TestTimeAug',
    ),
]
val_cfg = dict(type='ValLoop')
val_conditions = '${train_conditions}'
val_dataloader = dict(
    batch_size='${eval_batch}',
    dataset=dict(
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        data_root='${data_root}',
        filter_cfg=dict(conditions='${val_conditions}'),
        pipeline='${test_pipeline}',
        type='${dataset_type}',
    ),
    num_workers='${num_workers}',
    sampler=dict(round_up=False, shuffle=False, type='DefaultSampler'),
)
val_evaluator = dict(
    held_out_classes='${held_out_classes}',
    ignore_index='${ignore_index}',
    seen_conditions='${train_conditions}',
    type='StreamingIoU',
)
val_interval = 250
visualizer = dict(type='SegLocalVisualizer', vis_backends=[])
warmup_iters = '${min(1500, max_iters // 10)}'
weight_decay = 0.0001
