# COCO 2014, 80 classes and the background: pseudo masks in training, true ones after it.
_base_ = './ade20k.py'
dataset_type = 'TaggedCOCODataset'
data_root = 'data/coco2014'
pseudo_masks = 'pseudo_masks'  # in data_root, or a path; tools/weakly.py sets it
train_dataloader = dict(
    dataset=dict(
        tags=None,
        data_prefix=dict(img_path='images/training', seg_map_path='${pseudo_masks}'),
    ),
)
val_dataloader = dict(dataset=dict(tags=None))  # images/validation, annotations/validation
