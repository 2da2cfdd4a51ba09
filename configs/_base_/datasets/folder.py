# Your own pictures; prepared by tools/prepare_data.py folder. Set data_root to its --out.
_base_ = './ade20k.py'
dataset_type = 'FolderDataset'
data_root = 'data/folder'
classes = '${data_root}/classes.txt'
picture_suffix = '.jpg'  # .png where not all pictures were JPEG
annotations = 'LoadWideAnnotations'  # masks are 16 bit,
ignore_index = 65535  # and 255 is a class like any other where there are more
train_dataloader = dict(dataset=dict(img_suffix='${picture_suffix}'))
val_dataloader = dict(dataset=dict(img_suffix='${picture_suffix}'))
