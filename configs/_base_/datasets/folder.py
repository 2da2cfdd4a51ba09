# Your own pictures; prepared by tools/prepare_data.py folder. Set data_root to its --out.
_base_ = './ade20k.py'
dataset_type = 'FolderDataset'
data_root = 'data/folder'
all_classes = 'classes.txt'  # in data_root: names of the ids in the masks
classes = None  # all; or a list or file of some of them, in any order: the rest is ignored
picture_suffix = '.jpg'  # .png where not all pictures were JPEG
annotations = 'LoadWideAnnotations'  # masks are 16 bit,
ignore_index = 65535  # and 255 is a class like any other where there are more
train_dataloader = dict(
    dataset=dict(
        img_suffix='${picture_suffix}',
        ignore_index='${ignore_index}',
        all_classes='${all_classes}',
    ),
)
val_dataloader = dict(
    dataset=dict(
        img_suffix='${picture_suffix}',
        ignore_index='${ignore_index}',
        all_classes='${all_classes}',
    ),
)
