# POLE on VOC 2012 as published: chosen names and adapters with learned mixing vectors.
_base_ = './pole_rn50_voc-512_published.py'
adapter_lr = 1.0  # times lr; POLE's own factor is not published
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(adapters=dict(lr_mult='${adapter_lr}'))))
model = dict(adapters=dict(start=0.2, learned_ratio=True))
