# PMSS on the embedded scenes: what matchers between the frozen stages add to a frozen tower, what
# their parts bring, and how far a tower that trains is from it. On the two weaker CLIPs:
#   python tools/prepare_data.py scenes --out data/scenes
#   python tools/pretrain_clip.py --out work_dirs/scenes_clip_a --seed 0
#   python tools/pretrain_clip.py --out work_dirs/scenes_clip_b --seed 1
#   python tools/ablate.py configs/studies/pmss_scenes.py --jobs 2
base = '../pmss/pmss_tiny_fpn_1k_scenes-128.py'
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
_tower = {
    'model.backbone.type': 'CLIPResNet',
    'model.backbone.output_stride': 16,
    'model.losses.interim': None,
    'default_hooks.prior': None,
}
rows = {
    'frozen tower': {**_tower, 'model.backbone.frozen_stages': 6},
    'tower trains': {**_tower, 'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': 0.1},
    'PMSS': {},
    'one step': {'model.backbone.steps': 1},
    'four steps': {'model.backbone.steps': 4},
    'no interim loss': {'model.losses.interim': None},
    'uniform first map': {'default_hooks.prior': None},
}
baseline = 'frozen tower'
comparisons = {
    'interim loss on PMSS': ('PMSS', 'no interim loss'),
    'category statistics on PMSS': ('PMSS', 'uniform first map'),
    'recurrence: two steps - one': ('PMSS', 'one step'),
    'tower trains - PMSS': ('tower trains', 'PMSS'),
}
metrics = {'head': 'mIoU'}
