# PMSS: the image tower frozen, prompt matchers between its stages, no text.
# What the paper leaves open is our reading: see docs/methods.md.
_base_ = './clip_fpn.py'
model = dict(
    backbone=dict(type='PromptMatchedBackbone', width=64, steps=2),
    losses=dict(interim=dict(type='InterimMapLoss', weight=0.4, ignore_index='${ignore_index}')),
)
