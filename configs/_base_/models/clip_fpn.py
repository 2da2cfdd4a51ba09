# CLIP's image tower + FPN + Semantic FPN head: the no-text baseline, and what all methods build on.
# Widths, channels and class counts follow from `clip` and from the dataset's class list.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='CLIPSegmentor',
    class_names='${class_names}',
    held_out_classes='${held_out_classes}',
    # The position table is resized once and learned at the crop's grid (DenseCLIP).
    clip=dict(model='RN50-quickgelu', pretrained='openai', image_size='${crop_size}'),
    backbone=dict(),  # CLIPResNet or CLIPViT, as the image tower asks for
    neck=dict(type='MultiScaleAlignment', levels=[], out_channels=256),
    decode_head=dict(
        type='SemanticFPNHead',
        channels=256,
        dropout_ratio=0.1,
        norm_cfg='${norm_cfg}',
        ignore_index='${ignore_index}',
        # The mean over labelled pixels; MMSegmentation's default counts ignored ones too.
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    data_preprocessor=dict(
        type='SegDataPreProcessor',  # mean and std are those that the backbone was trained with
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val='${ignore_index}',
        size=('${crop_size}', '${crop_size}'),
    ),
    test_cfg=dict(
        mode='slide',
        crop_size=('${crop_size}', '${crop_size}'),
        stride=('${crop_size * 2 // 3}', '${crop_size * 2 // 3}'),  # 341 of 512, 426 of 640
    ),
)
