# The embedded scenes with tags of their nine things: no mask is read in training; the CAMs are
# scored on the masks of the training pictures.
_base_ = './tagged.py'
dataset_type = 'TaggedScenesDataset'
data_root = 'data/scenes'
crop_size = 128
num_workers = 0
eval_batch = 8
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
train_dataloader = dict(
    dataset=dict(data_prefix=dict(img_path='images/training')),
)
val_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        indices='${train_images}',
    ),
)
