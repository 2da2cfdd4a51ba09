# ICPC: instance-conditioned prompts, multi-scale alignment, align-guided contrastive loss.
# What the paper leaves open is our reading: see docs/methods.md.
_base_ = './clip_fpn.py'
model = dict(
    prompter=dict(type='InstancePrompter', mode='add', init='a photo of a'),
    neck=dict(levels=[0, 1, 2, 3]),
    losses=dict(
        score_map=dict(
            type='ScoreMapLoss', weight=0.4, temperature=0.07, ignore_index='${ignore_index}'
        ),
        align=dict(type='AlignContrastiveLoss', weight=0.1, guidance='hard'),
    ),
)
