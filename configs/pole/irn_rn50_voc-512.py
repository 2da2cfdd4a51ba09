# The boundary network between CAMs and pseudo masks on VOC 2012, as published: 3 epochs on seeds.
_base_ = [
    '../_base_/models/boundary.py',
    '../_base_/datasets/pseudo_voc.py',
    '../_base_/schedules/sgd_poly_boundary.py',
    '../_base_/default_runtime.py',
]
crop_size = 512
long_side = 500  # VOC's pictures have it, so that their sizes are those of a scale 0.5 .. 1.5
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomResize',
        scale=('${long_side}', '${long_side}'),
        ratio_range=(0.5, 1.5),
        keep_ratio=True,
    ),
    dict(type='CropAtRandomPlace', size='${crop_size}', label='${ignore_index}'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
val_evaluator = dict(_delete_=True, type='BoundaryScore', ignore_index='${ignore_index}')
test_evaluator = dict(_delete_=True, type='BoundaryScore', ignore_index='${ignore_index}')
default_hooks = dict(panel=None)  # its predictions are edges, no classes
