# The recipe of adamw_poly.py where CLIP's tower is frozen: what trains of the backbone is new.
_base_ = './adamw_poly.py'
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
