_base_ = [
    '../_base_/models/pmss.py',
    '../_base_/datasets/ade20k_full.py',
    '../_base_/schedules/adamw_poly_frozen.py',
    '../_base_/default_runtime.py',
]
model = dict(clip=dict(model='RN101-quickgelu'))
