# The boundary network between CAMs and pseudo masks on your own pictures: steps as on VOC 2012.
_base_ = [
    '../_base_/models/boundary.py',
    '../_base_/datasets/pseudo_folder.py',
    '../_base_/schedules/sgd_poly_boundary.py',
    '../_base_/default_runtime.py',
]
crop_size = 512
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadWideAnnotations'),
    dict(
        type='RandomChoice',  # about their own sizes, at which edges are found
        transforms=[
            [dict(type='Resize', scale_factor=scale, keep_ratio=True)]
            for scale in (0.5, 0.75, 1.0, 1.25, 1.5)
        ],
    ),
    dict(type='CropAtRandomPlace', size='${crop_size}', label='${ignore_index}'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadWideAnnotations'),
    dict(type='PackSegInputs'),
]
val_evaluator = dict(_delete_=True, type='BoundaryScore', ignore_index='${ignore_index}')
test_evaluator = dict(_delete_=True, type='BoundaryScore', ignore_index='${ignore_index}')
default_hooks = dict(panel=None)  # its predictions are edges, no classes
