# Prompt designs in three regimes, on two weaker CLIPs (zero-shot mIoU 50 to 53) so that there is
# room for prompts; ICPC's parts are in parts_of_icpc_scenes.py:
#   python tools/prepare_data.py scenes --out data/scenes
#   python tools/pretrain_clip.py --out work_dirs/scenes_clip_a --seed 0
#   python tools/pretrain_clip.py --out work_dirs/scenes_clip_b --seed 1
#   python tools/ablate.py configs/studies/designs_scenes.py --jobs 2
# Settings were chosen on validation: configs/studies/joining_scenes.py.
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
# Chosen on validation: joining_scenes.py.
_guided = {'model.decode_head.type': 'ScoreGuidedFPNHead'}
_no_align = {'model.losses.align': None}
_template = {'model.prompter.type': 'TemplatePrompter'}
rows = {
    'random init, no text': {
        'model.prompter': None,
        'model.clip.parts': 'text',
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': 1.0,
        'model.backbone.frozen_stages': 0,
    },
    'no text': {'model.prompter': None},
    'class vectors, no text': {'model.prompter.type': 'ClassVectorPrompter', **_no_align},
    'template, shuffled names': {**_template, 'model.shuffle_names': 0, **_no_align},
    'template': {**_template, **_no_align},
    'CoOp': {'model.prompter.type': 'StaticPrompter', **_no_align},
    'CoCoOp': {'model.prompter.type': 'CoCoOpPrompter', **_no_align},
    'ICPC add': _no_align,
    'ICPC concat': {'model.prompter.mode': 'concat', **_no_align},
    'ICPC attend': {'model.prompter.mode': 'attend', **_no_align},
    'post-model': {'model.prompter.type': 'PostModelPrompter', **_no_align},
    'pre + post': {'model.prompter.type': 'PrePostPrompter', **_no_align},
    'ICPC add + align loss': {},
    'template, guided head': {**_template, **_no_align, **_guided},
    'shuffled names, guided head': {
        **_template,
        'model.shuffle_names': 0,
        **_no_align,
        **_guided,
    },
    'class vectors, guided head': {
        'model.prompter.type': 'ClassVectorPrompter',
        **_no_align,
        **_guided,
    },
    'ICPC add + align loss, guided head': _guided,
}
baseline = 'template'
comparisons = {
    'pre-training: no text - random init': ('no text', 'random init, no text'),
    'text: template - class vectors': ('template', 'class vectors, no text'),
    'names: template - shuffled': ('template', 'template, shuffled names'),
    'instance: ICPC add - CoOp': ('ICPC add', 'CoOp'),
    'align loss on ICPC': ('ICPC add + align loss', 'ICPC add'),
    'guided head on template': ('template, guided head', 'template'),
    'guided head on class vectors': ('class vectors, guided head', 'class vectors, no text'),
    'text in the guided head': ('template, guided head', 'class vectors, guided head'),
    'names in the guided head': ('template, guided head', 'shuffled names, guided head'),
    'guided head on ICPC + align': (
        'ICPC add + align loss, guided head',
        'ICPC add + align loss',
    ),
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
