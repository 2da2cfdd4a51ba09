# The embedded scenes with tags of their nine things: no mask is read in training; the CAMs are
# scored on the masks of the training pictures.
data_root = 'data/scenes'
tags = 'tags.json'  # in data_root, or a path; tools/weakly.py writes it from the masks
ignore_index = 255
crop_size = 128
classes = None
train_images = None  # the first so many
num_workers = 0
eval_batch = 8

meta_keys = [
    *('img_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor', 'flip', 'flip_direction'),
    'tags',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomCrop', crop_size=('${crop_size}', '${crop_size}'), cat_max_ratio=1.0),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=16,
        contrast_range=(0.8, 1.2),
        saturation_range=(0.8, 1.2),
        hue_delta=6,
    ),
    dict(type='PackSegInputs', meta_keys='${meta_keys}'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys='${meta_keys}'),
]

train_dataloader = dict(
    num_workers='${num_workers}',
    sampler=dict(type='PositionSampler'),
    dataset=dict(
        type='TaggedScenesDataset',
        data_root='${data_root}',
        tags='${tags}',
        data_prefix=dict(img_path='images/training'),
        indices='${train_images}',
        pipeline='${train_pipeline}',
    ),
)
val_dataloader = dict(
    batch_size='${eval_batch}',
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='TaggedScenesDataset',
        data_root='${data_root}',
        tags='${tags}',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        indices='${train_images}',
        pipeline='${test_pipeline}',
    ),
)
val_evaluator = dict(type='SweptCAM', ignore_index='${ignore_index}')
