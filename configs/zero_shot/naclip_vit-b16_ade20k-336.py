# Test only: python tools/test.py configs/zero_shot/naclip_vit-b16_ade20k-336.py
_base_ = [
    '../_base_/models/zero_shot.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/test_only.py',
    '../_base_/default_runtime.py',
]
crop_size = 336  # the pictures' shorter side
model = dict(backbone=dict(dense='naclip'))
