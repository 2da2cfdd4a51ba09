# Stage 4 on VOC 2012: MMSegmentation's DeepLabV3+ with ResNet-101 on pseudo masks.
_base_ = [
    '../_base_/datasets/pseudo_voc.py',
    '../_base_/schedules/sgd_stepped_poly.py',
    '../_base_/default_runtime.py',
]
crop_size = 512
max_iters = 20000
lr = 1e-2
global_batch = 16
gpu_batch = 4
norm_cfg = dict(type='SyncBN', requires_grad=True)
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True))
param_scheduler = [dict(type='SteppedPolyLR', total='${max_iters}', every=1, by_epoch=False)]
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=101,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg='${norm_cfg}',
        contract_dilation=True,
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://resnet101_v1c'),
    ),
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        in_channels=2048,
        in_index=3,
        channels=512,
        dilations=(1, 12, 24, 36),
        c1_in_channels=256,
        c1_channels=48,
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg='${norm_cfg}',
        align_corners=False,
        ignore_index='${ignore_index}',
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val='${ignore_index}',
        size=('${crop_size}', '${crop_size}'),
    ),
    test_cfg=dict(mode='whole'),
)
