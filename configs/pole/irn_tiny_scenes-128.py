# The boundary network on the embedded scenes, over the packaged tiny CLIP's image tower.
_base_ = [
    '../_base_/models/boundary.py',
    '../_base_/datasets/pseudo_scenes.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
max_iters = 150
val_interval = '${max_iters}'
num_workers = 1
global_batch = 16
gpu_batch = 16
lr = 1e-2
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto'),
    backbone=dict(_delete_=True, dense=None, output_stride=16),
    displacement=False,
    radius=5,
)
val_evaluator = dict(_delete_=True, type='BoundaryScore', ignore_index='${ignore_index}')
test_evaluator = dict(_delete_=True, type='BoundaryScore', ignore_index='${ignore_index}')
default_hooks = dict(panel=None)  # its predictions are edges, no classes
