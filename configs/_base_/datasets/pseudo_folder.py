# Your own pictures: pseudo masks in training, true ones of other pictures after it.
_base_ = './folder.py'
pseudo_masks = 'pseudo_masks'  # in data_root, or a path; tools/weakly.py sets it
train_dataloader = dict(dataset=dict(data_prefix=dict(seg_map_path='${pseudo_masks}')))
