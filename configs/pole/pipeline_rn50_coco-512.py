# From tags to masks on COCO 2014: CAM, CLIMS, IRN with the thresholds for COCO.
tags = dict(source='coco', path='annotations/instances_train2014.json')
cam = dict(config='cam_rn50_coco-512.py')
clims = dict(config='clims_rn50_coco-512.py')
seeds = dict(foreground=0.35, background=0.1)
boundary = dict(config='irn_rn50_coco-512.py')
masks = dict(refine='irn', threshold=0.25)
retrain = dict(config='retrain_rn50_pseudo-coco-512.py')
