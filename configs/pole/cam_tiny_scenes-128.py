# Stage 1 on the embedded scenes: tags of things, the packaged tiny CLIP's image tower.
_base_ = [
    '../_base_/models/tag_classifier.py',
    '../_base_/datasets/tagged_scenes.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
max_iters = 300
val_interval = '${max_iters}'
num_workers = 1
global_batch = 16
gpu_batch = 16
lr = 2e-3
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto'),
    backbone=dict(_delete_=True, output_stride=8),
    scales=[1.0],  # with enlarged views, which training never sees, its CAMs are worse
)
