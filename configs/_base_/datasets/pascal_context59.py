# Pascal Context, 59 classes; prepared by tools/prepare_data.py pascal-context59.
_base_ = './ade20k.py'
dataset_type = 'PascalContextDataset59'
data_root = 'data/pascal_context/VOC2010'
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/SegmentationContext/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassContext'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/SegmentationContext/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassContext'),
    ),
)
