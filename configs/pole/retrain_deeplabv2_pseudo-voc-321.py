# Stage 4 on VOC 2012 as published: DeepLabV2 with ResNet-101 on pseudo masks, crops of 321.
_base_ = [
    '../_base_/models/deeplab_v2.py',
    '../_base_/datasets/pseudo_voc.py',
    '../_base_/schedules/sgd_stepped_poly.py',
    '../_base_/default_runtime.py',
]
crop_size = 321
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomChoice',
        transforms=[
            [dict(type='Resize', scale_factor=scale, keep_ratio=True)]
            for scale in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
        ],
    ),
    dict(type='RandomCrop', crop_size=('${crop_size}', '${crop_size}'), cat_max_ratio=1.0),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
