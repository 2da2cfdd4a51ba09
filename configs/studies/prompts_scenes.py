# Prompt designs on the embedded scenes, score map beside head:
#   python tools/ablate.py configs/studies/prompts_scenes.py --dry-run
#   python tools/ablate.py configs/studies/prompts_scenes.py --jobs 2
base = '../icpc/icpc_tiny_fpn_1k_scenes-128.py'
seeds = [0, 1, 2, 3, 4]
metrics = ['score_mIoU', 'mIoU']
split = 'val'  # settings are chosen here; split = 'test' once they are fixed
shared = {'max_iters': 300}
regimes = {'20 labels': {'train_images': 20}, '100 labels': {'train_images': 100}}

_no_align = {'model.losses.align': None}
rows = {
    'no text': {'model.prompter': None},
    'template': {'model.prompter.type': 'TemplatePrompter', **_no_align},
    'template, shuffled names': {
        'model.prompter.type': 'TemplatePrompter',
        'model.shuffle_names': 0,
        **_no_align,
    },
    'CoOp': {'model.prompter.type': 'StaticPrompter', **_no_align},
    'ICPC prompts': _no_align,
    'ICPC prompts + align': {},
}
baseline = 'CoOp'
comparisons = {'align loss': ('ICPC prompts + align', 'ICPC prompts')}
