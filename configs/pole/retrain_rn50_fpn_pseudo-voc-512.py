# Stage 4 on VOC 2012 without text: CLIP's image tower and the Semantic FPN head on pseudo masks.
_base_ = [
    '../_base_/models/clip_fpn.py',
    '../_base_/datasets/pseudo_voc.py',
    '../_base_/schedules/adamw_poly.py',
    '../_base_/default_runtime.py',
]
