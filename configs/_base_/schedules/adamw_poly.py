# DenseCLIP's recipe: AdamW, poly 0.9, linear warm-up, 80k optimiser steps of 32 images.
max_iters = 80000
val_interval = '${max(1, max_iters // 10)}'
warmup_iters = '${min(1500, max_iters // 10)}'
lr = 1e-4
weight_decay = 1e-4
global_batch = 32
gpu_batch = 4
clip_grad = None  # such as dict(max_norm=1.0), over all ranks' gradients

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='GroupedOptimConstructor',
    optimizer=dict(type='AdamW', lr='${lr}', weight_decay='${weight_decay}'),
    clip_grad='${clip_grad}',
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1)), norm_decay_mult=0.0),
)
param_scheduler = [
    # Two steps at least: mmengine's warm-up of one would never reach the learning rate.
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end='${max(2, warmup_iters)}'
    ),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=1e-6,
        by_epoch=False,
        begin='${max(2, warmup_iters)}',
        end='${max(max_iters, warmup_iters + 1, 3)}',
    ),
]
train_cfg = dict(type='GlobalBatchLoop', max_iters='${max_iters}', val_interval='${val_interval}')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
