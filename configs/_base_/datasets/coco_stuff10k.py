# COCO-Stuff 10k v1.1, 171 classes; prepared by tools/prepare_data.py coco-stuff10k.
_base_ = './ade20k.py'
dataset_type = 'COCOStuffDataset'
data_root = 'data/coco_stuff10k'
train_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path='images/train2014', seg_map_path='annotations/train2014'),
        reduce_zero_label=True,  # masks hold 1..171, 0 is unlabelled
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_prefix=dict(img_path='images/test2014', seg_map_path='annotations/test2014'),
        reduce_zero_label=True,
    ),
)
