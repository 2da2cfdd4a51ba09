# POLE on the embedded scenes: chosen names and adapters with learned mixing vectors.
_base_ = './pole_tiny_scenes-128.py'
adapter_lr = 0.1  # times lr; at 1 the adapters learn faster than the maps, which get worse
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(adapters=dict(lr_mult='${adapter_lr}'))))
model = dict(adapters=dict(start=0.2, learned_ratio=True))
