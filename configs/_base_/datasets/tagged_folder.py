# Your own pictures with tags; no picture needs a mask. The first of the classes is the background.
_base_ = './tagged_voc.py'
dataset_type = 'TaggedFolderDataset'
data_root = 'data/folder'
tags = 'tags.csv'  # picture,class,class: in data_root, or a path
all_classes = 'classes.txt'  # in data_root: names, one a line
picture_suffix = '.jpg'
ignore_index = 65535
train_dataloader = dict(
    dataset=dict(
        ann_file='',
        data_prefix=dict(img_path='images/training'),
        img_suffix='${picture_suffix}',
        ignore_index='${ignore_index}',
        all_classes='${all_classes}',
    ),
)
val_dataloader = None
val_evaluator = None
