# Data sets with tags: no mask is read in training; CAMs are scored on masks of training pictures.
tags = 'tags.json'  # in data_root, or a path; tools/weakly.py writes it
ignore_index = 255
classes = None
train_images = None  # the first so many
eval_batch = 1

meta_keys = [
    *('img_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor', 'flip', 'flip_direction'),
    'tags',
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
        type='${dataset_type}',
        data_root='${data_root}',
        tags='${tags}',
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
        tags='${tags}',
        pipeline='${test_pipeline}',
    ),
)
val_evaluator = dict(type='SweptCAM', ignore_index='${ignore_index}')
