# Where the score map should join so that the decode head gains from it, tried on validation:
#   python tools/ablate.py configs/studies/joining_scenes.py --jobs 2
# Data, CLIPs and budget are those of designs_scenes.py.
base = '../icpc/icpc_tiny_fpn_1k_scenes-128.py'
split = 'val'
shared = {
    'max_iters': 200,
    'val_interval': 200,
    'crop_size': 64,
    'train_images': 100,
    'num_workers': 0,
}
seeds = {
    'a10': {'seed': 10, 'model.clip.model': 'work_dirs/scenes_clip_a'},
    'b11': {'seed': 11, 'model.clip.model': 'work_dirs/scenes_clip_b'},
}
regimes = {
    '20 labels': {'train_images': 20},
    'held-out classes': {'held_out_classes': ['sand', 'road', 'wall', 'tree', 'person', 'balloon']},
}
metrics = {
    'head': 'mIoU',
    'score map': 'score_mIoU',
    'head, base classes': 'base_mIoU',
    'head, held-out classes': 'held_out_mIoU',
    'score map, held-out classes': 'score_held_out_mIoU',
}
_guided = {'model.decode_head.type': 'ScoreGuidedFPNHead'}
_template = {'model.prompter.type': 'TemplatePrompter', 'model.losses.align': None}
rows = {
    'joined as cosine': {},
    'joined times 1 / 0.07': {'model.neck.score_scale': 14.3},
    'added, dense level': _guided,
    'added, dense level, gain 0.5': {**_guided, 'model.decode_head.gain': 0.5},
    'added, finest level': {**_guided, 'model.decode_head.score_level': 0},
    'added, dense level, joined times 1 / 0.07': {**_guided, 'model.neck.score_scale': 14.3},
    'template, joined as cosine': _template,
    'template, added, dense level': {**_template, **_guided},
}
baseline = 'joined as cosine'
comparisons = {
    'added on template': ('template, added, dense level', 'template, joined as cosine'),
}
