# POLE's names on VOC 2012, ours: chosen once, by tools/choose_names.py, with the area's loss.
_base_ = './clims_rn50_voc-512.py'
choices = 'choices.json'
custom_hooks = [dict(type='NameChoiceHook')]
model = dict(choices='${choices}', weights=dict(btm=25.0))
