# DeepLabV2 as published with CLIMS: three scales and their maximum, the balanced cross-entropy.
model = dict(
    type='DeepLabV2',
    class_names='${class_names}',
    backbone=dict(type='AtrousResNet'),
    rates=[6, 12, 18, 24],
    scales=[1.0, 0.5, 0.75],
    balanced=True,  # False, and scales up to 1.5 in the data: published for a start from COCO
    ignore_index='${ignore_index}',
    crf=False,  # True as published for the test: up to a minute a picture on a CPU
    data_preprocessor=dict(
        type='SegDataPreProcessor',  # mean and std are those that the backbone was trained with
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val='${ignore_index}',
        size=('${crop_size}', '${crop_size}'),
    ),
    test_cfg=dict(mode='whole'),
)
