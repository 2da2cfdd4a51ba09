# ICPC's prompts in the place of names on VOC 2012: CoOp's, conditioned on the picture.
_base_ = './coop_rn50_voc-512.py'
model = dict(prompter=dict(_delete_=True, type='InstancePrompter', init='A photo of', mode='add'))
