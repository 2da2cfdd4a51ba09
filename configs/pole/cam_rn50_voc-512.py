# Stage 1 of CLIMS and POLE on VOC 2012 as published: ImageNet's ResNet-50 at stride 16.
_base_ = [
    '../_base_/models/tag_classifier.py',
    '../_base_/datasets/tagged_voc.py',
    '../_base_/schedules/sgd_poly_cam.py',
    '../_base_/default_runtime.py',
]
