# Pascal VOC 2012 with tags: 10,582 pictures train without masks, the CAMs of 1,464 are scored.
_base_ = './tagged.py'
dataset_type = 'TaggedVOCDataset'
data_root = 'data/voc/VOC2012'
crop_size = 512
smallest, largest = 320, 640  # of the longer side in training (CLIMS)
num_workers = 4
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomLongSide', smallest='${smallest}', largest='${largest}'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='CropAtRandomPlace', size='${crop_size}'),
    dict(type='PackSegInputs', meta_keys='${meta_keys}'),
]
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        data_prefix=dict(img_path='JPEGImages'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    ),
)
