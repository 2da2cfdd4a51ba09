# The embedded scenes' nine things and the background: pseudo masks in training, true ones after it.
_base_ = './scenes.py'
dataset_type = 'ThingScenesDataset'
pseudo_masks = 'pseudo_masks'  # in data_root, or a path; tools/weakly.py sets it
train_dataloader = dict(
    dataset=dict(
        masks='classes',
        data_prefix=dict(seg_map_path='${pseudo_masks}'),
    ),
)
