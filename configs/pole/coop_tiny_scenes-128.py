# CoOp in the place of names on the embedded scenes: three contexts, then the class's own name.
_base_ = './clims_tiny_scenes-128.py'
prompter_lr = 1.0  # times lr
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(prompter=dict(lr_mult='${prompter_lr}'))))
model = dict(prompter=dict(type='StaticPrompter', init='A photo of', suffix='.'))
