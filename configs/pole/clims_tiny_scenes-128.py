# Stage 2 of CLIMS on the embedded scenes, from stage 1's weights; the packaged tiny CLIP teaches.
_base_ = './cam_tiny_scenes-128.py'
max_iters = 60
lr = 1e-3
model = dict(
    type='CLIMSClassifier',
    # At its own 64 pixels it sees half of the things under their masks, at 128 nine of ten.
    teacher=dict(model='scenes_clip', pretrained='auto', image_size=128),
    names='scenes',
    phrases=['sky', 'sea', 'sand', 'grass', 'field', 'road', 'mountain', 'forest', 'wall'],
)
