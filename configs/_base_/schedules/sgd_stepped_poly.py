# DeepLabV2 on pseudo masks, as published with CLIMS: SGD, poly 0.9 that moves every 10th step.
max_iters = 30000
val_interval = '${max_iters}'
lr = 2.5e-4  # of the backbone's convolutions; the head's weights have 10 times, its biases 20 times
weight_decay = 5e-4
global_batch = 20  # two passes of 10
gpu_batch = 10

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='GroupedOptimConstructor',
    optimizer=dict(type='SGD', lr='${lr}', momentum=0.9, weight_decay='${weight_decay}'),
    paramwise_cfg=dict(
        custom_keys=dict(decode_head=dict(lr_mult=10.0, bias_lr_mult=20.0, bias_decay_mult=0.0)),
    ),
)
param_scheduler = [dict(type='SteppedPolyLR', total='${max_iters}', every=10, by_epoch=False)]
train_cfg = dict(type='GlobalBatchLoop', max_iters='${max_iters}', val_interval='${val_interval}')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
