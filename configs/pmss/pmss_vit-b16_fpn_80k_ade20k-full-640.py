_base_ = [
    '../_base_/models/pmss.py',
    '../_base_/datasets/ade20k_full.py',
    '../_base_/schedules/adamw_poly_frozen.py',
    '../_base_/default_runtime.py',
]
crop_size = 640
model = dict(
    clip=dict(model='ViT-B-16-quickgelu'),
    backbone=dict(tower=dict(norm_cfg='${norm_cfg}')),
)
