# Stage 4 on the embedded scenes: DeepLabV2 over the packaged tiny CLIP's image tower.
_base_ = [
    '../_base_/models/deeplab_v2.py',
    '../_base_/datasets/pseudo_scenes.py',
    '../_base_/schedules/sgd_stepped_poly.py',
    '../_base_/default_runtime.py',
]
max_iters = 300
num_workers = 1
global_batch = 8
gpu_batch = 8
lr = 3e-4
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto'),
    backbone=dict(_delete_=True, output_stride=8),
    rates=[1, 2, 4, 6],  # a grid of 16 x 16 cells
)
