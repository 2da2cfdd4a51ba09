# ICPC's prompts in the place of names on the embedded scenes: CoOp's, conditioned on the picture.
_base_ = './coop_tiny_scenes-128.py'
model = dict(prompter=dict(_delete_=True, type='InstancePrompter', init='A photo of', mode='add'))
