# COCO 2014 with tags: 82,783 pictures train without masks; the CAMs are scored on these pictures.
_base_ = './tagged_voc.py'
dataset_type = 'TaggedCOCODataset'
data_root = 'data/coco2014'
train_dataloader = dict(
    dataset=dict(ann_file='', data_prefix=dict(img_path='images/training')),
)
val_dataloader = dict(
    dataset=dict(
        ann_file='',
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        indices='${train_images}',
    ),
)
