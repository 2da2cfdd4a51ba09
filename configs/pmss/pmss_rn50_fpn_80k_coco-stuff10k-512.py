_base_ = [
    '../_base_/models/pmss.py',
    '../_base_/datasets/coco_stuff10k.py',
    '../_base_/schedules/adamw_poly_frozen.py',
    '../_base_/default_runtime.py',
]
