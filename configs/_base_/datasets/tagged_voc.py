# Pascal VOC 2012 with tags: 10,582 pictures train without masks, the CAMs of 1,464 are scored.
data_root = 'data/voc/VOC2012'
tags = 'tags.json'  # in data_root, or a path; tools/weakly.py writes it from masks or XML
ignore_index = 255
crop_size = 512
smallest, largest = 320, 640  # of the longer side in training (CLIMS)
classes = None
train_images = None
num_workers = 4

meta_keys = [
    *('img_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor', 'flip', 'flip_direction'),
    'tags',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomLongSide', smallest='${smallest}', largest='${largest}'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='CropAtRandomPlace', size='${crop_size}'),
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
        type='TaggedVOCDataset',
        data_root='${data_root}',
        tags='${tags}',
        ann_file='ImageSets/Segmentation/trainaug.txt',
        data_prefix=dict(img_path='JPEGImages'),
        indices='${train_images}',
        pipeline='${train_pipeline}',
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='TaggedVOCDataset',
        data_root='${data_root}',
        tags='${tags}',
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline='${test_pipeline}',
    ),
)
val_evaluator = dict(type='SweptCAM', ignore_index='${ignore_index}')
