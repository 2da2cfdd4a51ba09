# Stage 4 on the embedded scenes, enlarged by one and a half: their small things have edges then.
_base_ = './retrain_tiny_pseudo-scenes-128.py'
crop_size = 192
max_iters = 800
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=('${crop_size}', '${crop_size}'), keep_ratio=True),
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
    dict(type='Resize', scale=('${crop_size}', '${crop_size}'), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys='${meta_keys}'),
]
