base = '/tmp/toy/toy.py'
grid = {'lr': [0.02, 0.05]}
seeds = [0, 1]
metrics = ['mIoU', 'aAcc']
baseline = 'lr=0.02'
shared = {'data_root': 'data', 'max_iters': 4, 'val_interval': 4, 'default_hooks.panel': None}
