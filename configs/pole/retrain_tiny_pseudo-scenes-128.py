# Stage 4 on the embedded scenes: ICPC on pseudo masks of things.
_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/pseudo_scenes.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
max_iters = 300
val_interval = '${max_iters}'
num_workers = 1
global_batch = 8
gpu_batch = 8
lr = 2e-3
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto', image_size=None),
    backbone=dict(dense='value', output_stride=16),
    neck=dict(out_channels=64),
    decode_head=dict(channels=64),
    test_cfg=dict(mode='whole'),
)
