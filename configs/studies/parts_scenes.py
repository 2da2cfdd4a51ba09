# Prompt designs and ICPC's parts, each switched by one override of the demo's config; one seed:
#   python tools/ablate.py configs/studies/parts_scenes.py --jobs 2
base = '../icpc/icpc_tiny_fpn_1k_scenes-128.py'
seeds = [0]
metrics = ['mIoU', 'score_mIoU']
split = 'test'
shared = {'max_iters': 200, 'train_images': 100, 'val_interval': 200, 'num_workers': 0}

rows = {
    'ICPC (add)': {},
    'concat': {'model.prompter.mode': 'concat'},
    'attend': {'model.prompter.mode': 'attend'},
    'static prompts': {'model.prompter.type': 'StaticPrompter'},
    'template': {'model.prompter.type': 'TemplatePrompter'},
    'no text': {'model.prompter': None},
    'no contrastive loss': {'model.losses.align': None},
    'guidance none': {'model.losses.align.guidance': 'none'},
    'guidance weight': {'model.losses.align.guidance': 'weight'},
    'no score-map loss': {'model.losses.score_map': None},
    'alignment off': {'model.neck.levels': []},
    'level 3 only': {'model.neck.levels': [3]},
}
