# POLE's names on the embedded scenes, chosen once, by tools/choose_names.py.
_base_ = './clims_tiny_scenes-128.py'
choices = 'choices.json'
custom_hooks = [dict(type='NameChoiceHook')]
model = dict(choices='${choices}', weights=dict(btm=25.0))
