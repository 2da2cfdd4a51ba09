# Nothing is trained. The hooks of a training want its numbers all the same.
max_iters = 1
val_interval = 1
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
