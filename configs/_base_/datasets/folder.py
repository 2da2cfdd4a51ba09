# Your own pictures; prepared by tools/prepare_data.py folder. Set data_root to its --out.
_base_ = './ade20k.py'
dataset_type = 'FolderDataset'
data_root = 'data/folder'
classes = '${data_root}/classes.txt'
picture_suffix = '.jpg'  # .png where not all pictures were JPEG
annotations = 'LoadWideAnnotations'  # masks are 16 bit,
test_split = 'validation'  # the folder of images/ and annotations/ that is tested, such as test
ignore_index = 65535  # and 255 is a class like any other where there are more
train_dataloader = dict(dataset=dict(img_suffix='${picture_suffix}'))
val_dataloader = dict(dataset=dict(img_suffix='${picture_suffix}'))
test_dataloader = dict(
    _delete_=True,
    batch_size=1,
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        img_suffix='${picture_suffix}',
        data_prefix=dict(img_path='images/${test_split}', seg_map_path='annotations/${test_split}'),
        pipeline='${test_pipeline}',
    ),
)
