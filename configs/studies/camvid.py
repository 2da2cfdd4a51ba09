# The four methods on real pictures: CamVid with the packaged tiny CLIP, which has seen drawn scenes
# alone:
#   python tools/prepare_data.py camvid --source CamVid --out data/camvid
#   python tools/ablate.py configs/studies/camvid.py --jobs 2
base = '../icpc/icpc_tiny_fpn_1k_camvid-128.py'
split = 'test'
shared = {'max_iters': 150, 'val_interval': 150, 'num_workers': 0}
seeds = [0, 1, 2, 3, 4]
_no_align = {'model.losses.align': None}
_contexts = {'model.prompter.init': None, 'model.prompter.num_contexts': 8}  # of both methods
rows = {
    'CLIP + FPN': {
        'model.prompter': None,
        'model.neck.levels': [],
        'model.losses.score_map': None,
        **_no_align,
    },
    'CoOp': {
        'model.prompter.type': 'StaticPrompter',
        'model.neck.levels': [3],
        **_contexts,
        **_no_align,
    },
    'DenseCLIP': {
        'model.prompter.type': 'PostModelPrompter',
        'model.neck.type': 'ScoreConcat',
        **_contexts,
        **_no_align,
    },
    'ICPC': {},
}
baseline = 'CLIP + FPN'
comparisons = {'ICPC - DenseCLIP': ('ICPC', 'DenseCLIP'), 'ICPC - CoOp': ('ICPC', 'CoOp')}
metrics = {'head': 'mIoU', 'score map': 'score_mIoU'}
