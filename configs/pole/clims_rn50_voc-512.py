# Stage 2 of CLIMS on VOC 2012, ours: what the published recipe has as slips is put right.
_base_ = './clims_rn50_voc-512_published.py'
momentum = 0.9
lr = 2.5e-5  # which goes as far as 2.5e-4 without momentum
model = dict(
    backbone=dict(norm_eval=True),
    weights=dict(cbs=25.0),  # the published sum is over about 25 pairs
    summed_cbs=False,
    clip_statistics=True,
)
