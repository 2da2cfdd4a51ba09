# ICPC's parts, on the runs, regimes and CLIPs of designs_scenes.py: the contrastive loss on every
# prompt design and with each kind of guidance, the aligned levels, the picture in the prompt.
#   python tools/ablate.py configs/studies/parts_of_icpc_scenes.py --jobs 2
base = '../icpc/icpc_tiny_fpn_1k_scenes-128.py'
split = 'test'
shared = {
    'max_iters': 200,
    'val_interval': 200,
    'crop_size': 64,  # what the CLIPs saw in pre-training
    'train_images': 100,
    'num_workers': 0,
}
_clips = {
    'a': {'model.clip.model': 'work_dirs/scenes_clip_a'},
    'b': {'model.clip.model': 'work_dirs/scenes_clip_b'},
}
# A pair has the CLIP, the labelled subset, the crops and the head's initial weights alike.
seeds = {
    f'{clip}{seed}': {'seed': seed, **_clips[clip]}
    for clip, seed in (('a', 0), ('b', 1), ('a', 2), ('b', 3), ('a', 4))
}
regimes = {
    '20 labels': {'train_images': 20},
    # Every third class without labels; the metric means are over the others and over these.
    'held-out classes': {'held_out_classes': ['sand', 'road', 'wall', 'tree', 'person', 'balloon']},
    # Labels by day and dusk alone; tested on night, fog and snow too; CLIP's image tower frozen.
    'condition shift': {
        'train_conditions': ['day', 'dusk'],
        'model.backbone.frozen_stages': 6,
    },
}
_no_align = {'model.losses.align': None}
rows = {
    'ICPC add': _no_align,
    'constant input': {'model.prompter.condition': 'constant', **_no_align},
    'ICPC add + align loss': {},
    'constant input + align loss': {'model.prompter.condition': 'constant'},
    'guidance none': {'model.losses.align.guidance': 'none'},
    'guidance weight': {'model.losses.align.guidance': 'weight'},
    'dense level alone': {'model.neck.levels': [3]},
    'two finest levels alone': {'model.neck.levels': [0, 1]},
    'class vectors + align loss': {'model.prompter.type': 'ClassVectorPrompter'},
    'template + align loss': {'model.prompter.type': 'TemplatePrompter'},
    'CoOp + align loss': {'model.prompter.type': 'StaticPrompter'},
    'CoCoOp + align loss': {'model.prompter.type': 'CoCoOpPrompter'},
    'concat + align loss': {'model.prompter.mode': 'concat'},
    'attend + align loss': {'model.prompter.mode': 'attend'},
    'post-model + align loss': {'model.prompter.type': 'PostModelPrompter'},
    'pre + post + align loss': {'model.prompter.type': 'PrePostPrompter'},
}
baseline = 'ICPC add + align loss'
comparisons = {
    'align loss on ICPC': ('ICPC add + align loss', 'ICPC add'),
    'picture: add - constant input': ('ICPC add', 'constant input'),
}
metrics = {
    'head': 'mIoU',
    'score map': 'score_mIoU',
    'head, base classes': 'base_mIoU',
    'head, held-out classes': 'held_out_mIoU',
    'score map, base classes': 'score_base_mIoU',
    'score map, held-out classes': 'score_held_out_mIoU',
    'head, seen conditions': 'seen_mIoU',
    'head, unseen conditions': 'unseen_mIoU',
    'score map, seen conditions': 'score_seen_mIoU',
    'score map, unseen conditions': 'score_unseen_mIoU',
}
