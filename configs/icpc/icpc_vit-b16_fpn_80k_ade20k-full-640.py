_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/ade20k_full.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
crop_size = 640
model = dict(
    clip=dict(model='ViT-B-16-quickgelu'),
    backbone=dict(type='CLIPViT', drop_path=0.1, norm_cfg='${norm_cfg}'),
)
