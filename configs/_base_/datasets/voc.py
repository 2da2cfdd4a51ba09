# Pascal VOC 2012 + SBD, 21 classes; prepared by tools/prepare_data.py voc.
_base_ = './ade20k.py'
dataset_type = 'PascalVOCDataset'
data_root = 'data/voc/VOC2012'
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    ),
)
