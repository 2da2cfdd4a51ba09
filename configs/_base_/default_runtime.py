# What every run has: our loop's hooks, a seed, a silent console. Counts are optimiser steps.
default_scope = 'mmseg'
custom_imports = dict(imports=['icpc'], allow_failed_imports=False)

seed = 0
randomness = dict(seed='${seed}')
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
# Switches of training, explained in docs/training.md.
ema = None  # decay of the weights' moving average, such as 0.9998
activation_checkpointing = False  # compute activations again in backward instead of keeping them
compile = False  # True, a mode of torch.compile, or its arguments
parallel = 'ddp'  # or 'fsdp2': a part of weights, gradients and moments on each rank

tracker = None  # 'tensorboard', 'wandb' or 'mlflow', beside metrics.jsonl
log_interval = '${max(1, max_iters // 200)}'
log_processor = dict(by_epoch=False)
visualizer = dict(type='SegLocalVisualizer', vis_backends=[])
default_hooks = dict(
    logger=dict(type='LoggerHook', interval='${log_interval}', log_metric_by_epoch=False),
    checkpoint=dict(type='NewestCheckpointsHook', interval='${val_interval}'),
    labels=dict(type='LabelCheckHook'),
    prior=dict(type='ClassPriorHook'),
    ema=dict(type='WeightAverageHook', decay='${ema}'),
    switches=dict(
        type='ModelSwitchesHook',
        activation_checkpointing='${activation_checkpointing}',
        compile='${compile}',
    ),
    progress=dict(type='ProgressHook'),
    panel=dict(type='PanelHook'),
    memory=dict(type='MemoryEstimateHook'),
    metrics=dict(type='MetricsFileHook', interval='${log_interval}', tracker='${tracker}'),
)
load_from = None
resume = False
