# The embedded scenes: small pictures of one size, no resizing.
dataset_type = 'ScenesDataset'
data_root = 'data/scenes'
ignore_index = 255
crop_size = 128
classes = None
held_out_classes = None  # names that give no training signal
train_images = None  # the first so many, of those that train_conditions leaves
train_conditions = None  # of day, dusk, night, fog, snow; then seen_mIoU and unseen_mIoU are told
val_conditions = '${train_conditions}'  # settings are chosen on what training saw
test_conditions = None
num_workers = 0
eval_batch = 8

# MMSegmentation's, and the condition.
meta_keys = [
    *('img_path', 'seg_map_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor'),
    *('flip', 'flip_direction', 'reduce_zero_label', 'condition'),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=('${crop_size}', '${crop_size}'), cat_max_ratio=1.0),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=16,
        contrast_range=(0.8, 1.2),
        saturation_range=(0.8, 1.2),
        hue_delta=6,
    ),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys='${meta_keys}'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=1.0, keep_ratio=True),
                dict(type='Resize', scale_factor=1.25, keep_ratio=True),
                dict(type='Resize', scale_factor=1.5, keep_ratio=True),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs', meta_keys='${meta_keys}')],
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
        filter_cfg=dict(conditions='${train_conditions}'),
        indices='${train_images}',
        pipeline='${train_pipeline}',
    ),
)
val_dataloader = dict(
    batch_size='${eval_batch}',
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        filter_cfg=dict(conditions='${val_conditions}'),
        pipeline='${test_pipeline}',
    ),
)
test_dataloader = dict(
    batch_size='${eval_batch}',
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        filter_cfg=dict(conditions='${test_conditions}'),
        pipeline='${test_pipeline}',
    ),
)
val_evaluator = dict(
    type='StreamingIoU',
    ignore_index='${ignore_index}',
    held_out_classes='${held_out_classes}',
    seen_conditions='${train_conditions}',
)
test_evaluator = dict(
    type='StreamingIoU',
    ignore_index='${ignore_index}',
    held_out_classes='${held_out_classes}',
    seen_conditions='${train_conditions}',
)
