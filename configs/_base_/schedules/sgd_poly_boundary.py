# IRN's boundary network: SGD, poly 0.9 from the first step, 3 epochs of 10,582 pictures.
_base_ = './sgd_poly_cam.py'
max_iters = 990
global_batch = 32
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(_delete_=True, displacement=dict(lr_mult=10.0))),
)
