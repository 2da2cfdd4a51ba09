# Stage 2 of CLIMS on COCO 2014, its published recipe for two cards of 16 pictures, but for the
# phrases: CLIMS has 88 that are in none of its papers, these are POLE's twelve.
_base_ = './cam_rn50_coco-512.py'
max_iters = 20696  # 8 epochs
global_batch = 32
gpu_batch = 16
lr = 5e-4
model = dict(
    type='CLIMSClassifier',
    backbone=dict(norm_eval=False),
    teacher=dict(model='ViT-B-32-quickgelu', pretrained='openai'),
    names='coco',
    phrases='coco',
    weights=dict(otm=2.0, btm=14.0, cbs=1.25, reg=0.2),
    threshold_cbs=0.285,
    summed_cbs=True,
    clip_statistics=False,
)
