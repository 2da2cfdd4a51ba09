# PMSS on the embedded scenes: the demo's run with the packaged tiny CLIP's image tower frozen.
_base_ = [
    '../_base_/models/pmss.py',
    '../_base_/datasets/scenes.py',
    '../_base_/schedules/adamw_poly_frozen.py',
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
    backbone=dict(tower=dict(output_stride=16)),
    neck=dict(out_channels=64),
    decode_head=dict(channels=64),
    test_cfg=dict(mode='whole'),
)
