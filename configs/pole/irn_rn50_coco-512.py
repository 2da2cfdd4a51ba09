# The boundary network between CAMs and pseudo masks on COCO 2014: 3 epochs on seeds.
_base_ = './irn_rn50_voc-512.py'
dataset_type = 'TaggedCOCODataset'
data_root = 'data/coco2014'
max_iters = 7761
long_side = 640  # of COCO's pictures
train_dataloader = dict(
    dataset=dict(tags=None, ann_file='', data_prefix=dict(img_path='images/training')),
)
val_dataloader = dict(
    dataset=dict(
        tags=None,
        ann_file='',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
    ),
)
