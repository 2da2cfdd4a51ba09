# Stage 2 of CLIMS on VOC 2012 as published, from stage 1's weights (load_from).
_base_ = './cam_rn50_voc-512.py'
max_iters = 9915  # 15 epochs
lr = 2.5e-4
model = dict(
    type='CLIMSClassifier',
    backbone=dict(norm_eval=False),
    teacher=dict(model='ViT-B-32-quickgelu', pretrained='openai'),
    names='voc',  # the first of each class, such as "player" for a person
    weights=dict(otm=10.0, btm=24.0, cbs=1.0, reg=0.2),
    threshold_cbs=0.26,
    summed_cbs=True,
    clip_statistics=False,
)
