# DenseCLIP: static text refined by a context decoder, its score map joined at CLIP's own level.
_base_ = './clip_fpn.py'
model = dict(
    prompter=dict(
        type='PostModelPrompter',
        num_contexts=8,
        width=256,
        heads=4,
        layers=3,
        dropout=0.1,
        gamma=1e-4,
    ),
    neck=dict(_delete_=True, type='ScoreConcat', out_channels=256),
    losses=dict(
        score_map=dict(
            type='ScoreMapLoss', weight=0.4, temperature=0.07, ignore_index='${ignore_index}'
        ),
    ),
)
