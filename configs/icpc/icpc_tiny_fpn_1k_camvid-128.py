# ICPC on CamVid's street scenes with the packaged tiny CLIP, which has never seen a photograph.
_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/camvid.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
crop_size = 128
max_iters = 1000
val_interval = 250
num_workers = 1
global_batch = 8
gpu_batch = 8
lr = 2e-3
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto', image_size=None),
    # As on the scenes: stride 16, positions are not mixed.
    backbone=dict(dense='value', output_stride=16),
    neck=dict(out_channels=64),
    decode_head=dict(channels=64),
    test_cfg=dict(mode='whole'),
)
