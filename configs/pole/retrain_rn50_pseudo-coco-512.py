# Stage 4 on COCO 2014: ICPC on pseudo masks.
_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/pseudo_coco.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
