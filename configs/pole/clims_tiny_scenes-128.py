# Stage 2 of CLIMS on the embedded scenes, from stage 1's weights; the packaged tiny CLIP teaches.
_base_ = './cam_tiny_scenes-128.py'
max_iters = 100
lr = 2e-4
model = dict(
    type='CLIMSClassifier',
    teacher=dict(model='scenes_clip', pretrained='auto'),
    shifted=True,  # the tiny CLIP's cosines lie around zero
    phrases=['sky', 'sea', 'sand', 'grass', 'field', 'road', 'mountain', 'forest', 'wall'],
)
