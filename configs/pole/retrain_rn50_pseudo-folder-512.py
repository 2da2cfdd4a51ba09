# Stage 4 on your own pictures: ICPC on pseudo masks, scored on images/ and annotations/validation.
_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/pseudo_folder.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
