# POLE's names on VOC 2012 as published: chosen once, by tools/choose_names.py --published.
_base_ = './clims_rn50_voc-512_published.py'
choices = 'choices.json'
custom_hooks = [dict(type='NameChoiceHook')]
model = dict(choices='${choices}', weights=dict(btm=25.0, reg=0.0))
