# CamVid, 11 classes; prepared by tools/prepare_data.py camvid. Pictures are 480 x 360 and are
# tested as they are; training, validation and test are three splits.
_base_ = './ade20k.py'
dataset_type = 'CamVidDataset'
data_root = 'data/camvid'
crop_size = 352
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='${annotations}'),
    dict(type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True),
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
    dict(type='${annotations}'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=0.75, keep_ratio=True),
                dict(type='Resize', scale_factor=1.0, keep_ratio=True),
                dict(type='Resize', scale_factor=1.25, keep_ratio=True),
                dict(type='Resize', scale_factor=1.5, keep_ratio=True),
            ],
            [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
            [dict(type='${annotations}')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
test_dataloader = dict(
    _delete_=True,
    batch_size=1,
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        pipeline='${test_pipeline}',
    ),
)
