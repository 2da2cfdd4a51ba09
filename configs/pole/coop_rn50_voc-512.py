# CoOp in the place of names on VOC 2012: three learned contexts, then the class's own name.
_base_ = './clims_rn50_voc-512.py'
prompter_lr = 1.0  # times lr; POLE's own factor is not published
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(prompter=dict(lr_mult='${prompter_lr}'))))
model = dict(prompter=dict(type='StaticPrompter', init='A photo of', suffix='.'))
