# Static prompts (CoOp) with DenseCLIP's score map at CLIP's own level.
_base_ = './clip_fpn.py'
model = dict(
    prompter=dict(type='StaticPrompter', init=None, num_contexts=8),  # DenseCLIP: 8 contexts
    neck=dict(levels=[3]),
    losses=dict(
        score_map=dict(
            type='ScoreMapLoss', weight=0.4, temperature=0.07, ignore_index='${ignore_index}'
        ),
    ),
)
