# ADE20K, 150 classes, with DenseCLIP's pipeline. Its test set has no public labels: test = val.
dataset_type = 'ADE20KDataset'
data_root = 'data/ade/ADEChallengeData2016'
ignore_index = 255
annotations = 'LoadAnnotations'
crop_size = 512
classes = None
held_out_classes = None  # names that give no training signal
train_images = None
num_workers = 4

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='${annotations}'),
    dict(
        type='RandomResize',
        scale=(2048, '${crop_size}'),
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
    ),
    dict(
        type='RandomCrop',
        crop_size=('${crop_size}', '${crop_size}'),
        cat_max_ratio=0.75,
        ignore_index='${ignore_index}',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, '${crop_size}'), keep_ratio=True),
    dict(type='${annotations}'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(1024, '${crop_size // 2}'), keep_ratio=True),
                dict(type='Resize', scale=(1536, '${crop_size * 3 // 4}'), keep_ratio=True),
                dict(type='Resize', scale=(2048, '${crop_size}'), keep_ratio=True),
                dict(type='Resize', scale=(2560, '${crop_size * 5 // 4}'), keep_ratio=True),
                dict(type='Resize', scale=(3072, '${crop_size * 3 // 2}'), keep_ratio=True),
                dict(type='Resize', scale=(3584, '${crop_size * 7 // 4}'), keep_ratio=True),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='${annotations}')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
tta_model = dict(type='CLIPTTAModel')

train_dataloader = dict(
    num_workers='${num_workers}',
    sampler=dict(type='PositionSampler'),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        indices='${train_images}',
        pipeline='${train_pipeline}',
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline='${test_pipeline}',
    ),
)
test_dataloader = '${val_dataloader}'
val_evaluator = dict(
    type='StreamingIoU', ignore_index='${ignore_index}', held_out_classes='${held_out_classes}'
)
test_evaluator = dict(
    type='StreamingIoU', ignore_index='${ignore_index}', held_out_classes='${held_out_classes}'
)
