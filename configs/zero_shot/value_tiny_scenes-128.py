# Test only: the packaged tiny CLIP, a ResNet, on the embedded scenes.
_base_ = [
    '../_base_/models/zero_shot.py',
    '../_base_/datasets/scenes.py',
    '../_base_/schedules/test_only.py',
    '../_base_/default_runtime.py',
]
num_workers = 1
model = dict(
    clip=dict(model='scenes_clip', pretrained='auto'),
    # Stride 16 on 128 pixels, as in the demo: an 8 x 8 grid.
    backbone=dict(dense='value', output_stride=16),
    test_cfg=dict(mode='whole'),
)
