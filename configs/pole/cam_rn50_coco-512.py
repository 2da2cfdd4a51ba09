# Stage 1 of CLIMS on COCO 2014: 5 epochs of 82,783 pictures.
_base_ = [
    '../_base_/models/tag_classifier.py',
    '../_base_/datasets/tagged_coco.py',
    '../_base_/schedules/sgd_poly_cam.py',
    '../_base_/default_runtime.py',
]
max_iters = 25870
