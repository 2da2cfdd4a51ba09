# Stage 1 on your own pictures with tags; without masks nothing is measured.
_base_ = [
    '../_base_/models/tag_classifier.py',
    '../_base_/datasets/tagged_folder.py',
    '../_base_/schedules/sgd_poly_cam.py',
    '../_base_/default_runtime.py',
]
val_cfg = None
