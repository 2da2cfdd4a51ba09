_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/cityscapes.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
crop_size = 768
