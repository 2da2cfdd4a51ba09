# Your own pictures; prepared by tools/prepare_data.py folder. Set data_root to its --out.
_base_ = './ade20k.py'
dataset_type = 'FolderDataset'
data_root = 'data/folder'
all_classes = 'classes.txt'  # in data_root: names of the ids in the masks
classes = None  # all; or a list or file of some of them, in any order: the rest is ignored
picture_suffix = '.jpg'  # .png where not all pictures were JPEG
test_split = 'validation'  # the folder of images/ and annotations/ that is tested, such as test
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
test_dataloader = dict(
    _delete_=True,
    batch_size=1,
    num_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='${dataset_type}',
        data_root='${data_root}',
        img_suffix='${picture_suffix}',
        ignore_index='${ignore_index}',
        all_classes='${all_classes}',
        data_prefix=dict(img_path='images/${test_split}', seg_map_path='annotations/${test_split}'),
        pipeline='${test_pipeline}',
    ),
)
