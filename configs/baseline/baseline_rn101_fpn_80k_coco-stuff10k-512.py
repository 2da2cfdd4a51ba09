_base_ = [
    '../_base_/models/clip_fpn.py',
    '../_base_/datasets/coco_stuff10k.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
model = dict(clip=dict(model='RN101-quickgelu'))
