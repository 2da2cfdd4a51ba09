# What CLIP's pre-trained image tower brings at few labels, on the test split:
#   python tools/ablate.py configs/studies/pretraining_scenes.py --jobs 2
base = '../icpc/icpc_tiny_fpn_1k_scenes-128.py'
seeds = [0, 1, 2]
metrics = ['mIoU', 'score_mIoU']
split = 'test'
shared = {'max_iters': 200, 'train_images': 20, 'val_interval': 200, 'num_workers': 0}

rows = {
    'ICPC': {},
    # A network from scratch wants the whole learning rate, not a tenth: the stronger opponent.
    'random backbone': {
        'model.clip.parts': 'text',
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult': 1.0,
    },
}
baseline = 'ICPC'
