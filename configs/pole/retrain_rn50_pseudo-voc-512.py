# Stage 4 on VOC 2012: ICPC on pseudo masks.
_base_ = [
    '../_base_/models/icpc.py',
    '../_base_/datasets/pseudo_voc.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
