# Stage 1 of CLIMS: SGD, poly 0.9 from the first step, 5 epochs of 10,582 pictures.
max_iters = 3305
val_interval = '${max_iters}'
lr = 0.1  # of the backbone; the classifier has 10 times as much
momentum = 1e-4  # as the published code comes to: its argument stands in weight_decay's place
weight_decay = 1e-4
global_batch = 16
gpu_batch = 16

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='GroupedOptimConstructor',
    optimizer=dict(type='SGD', lr='${lr}', momentum='${momentum}', weight_decay='${weight_decay}'),
    paramwise_cfg=dict(custom_keys=dict(classifier=dict(lr_mult=10.0))),
)
# (1 - t / max_iters)^0.9, as published; mmengine's PolyLR would reach 0 one step early.
param_scheduler = [dict(type='SteppedPolyLR', total='${max_iters}', every=1, by_epoch=False)]
train_cfg = dict(type='GlobalBatchLoop', max_iters='${max_iters}', val_interval='${val_interval}')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
