# From tags to masks on VOC 2012 as published for CLIMS: CAM, CLIMS, IRN's boundaries and walk.
# Tags as published, from VOC's XML files:
# tags = dict(source='xml', path='VOCdevkit/VOC2012/Annotations')
tags = dict(source='masks', path='SegmentationClassAug')
cam = dict(config='cam_rn50_voc-512.py')
clims = dict(config='clims_rn50_voc-512.py')
seeds = dict(foreground=0.3, background=0.1)
boundary = dict(config='irn_rn50_voc-512.py')
masks = dict(refine='irn', threshold=0.2)
retrain = dict(config='retrain_rn50_pseudo-voc-512.py')
