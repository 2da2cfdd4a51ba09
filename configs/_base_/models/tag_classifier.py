# Stage 1 of CLIMS and POLE: a classifier of tags, whose maps are the CAM.
model = dict(
    type='TagClassifier',
    class_names='${class_names}',
    backbone=dict(type='Stride16ResNet'),
    data_preprocessor=dict(
        type='SegDataPreProcessor',  # mean and std are those that the backbone was trained with
        bgr_to_rgb=True,
        pad_val=0,
        size=('${crop_size}', '${crop_size}'),
    ),
    scales=[1.0, 0.5, 1.5, 2.0],
    threshold=0.15,
)
