# IRN's boundary network: edges from seeds, over a frozen ResNet-50 of ImageNet.
model = dict(
    type='BoundaryNetwork',
    backbone=dict(type='Stride16ResNet'),
    radius=10,
    least_side='${crop_size}',
    ignore_index='${ignore_index}',
    data_preprocessor=dict(
        type='SegDataPreProcessor',  # mean and std are those that the backbone was trained with
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val='${ignore_index}',
        size=('${crop_size}', '${crop_size}'),
    ),
)
