# The demo: ICPC on the embedded scenes with the packaged tiny CLIP, minutes on two cores.
_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/scenes.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
max_iters = 1000
val_interval = 250
num_workers = 1
global_batch = 8
gpu_batch = 8
lr = 2e-3
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto', image_size=None),
    # Stride 16 on 128 pixels: an 8 x 8 grid; positions are not mixed.
    backbone=dict(dense='value', output_stride=16),
    neck=dict(out_channels=64),
    decode_head=dict(channels=64),
    test_cfg=dict(mode='whole'),
)
