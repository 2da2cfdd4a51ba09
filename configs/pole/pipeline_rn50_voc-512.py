# From tags to masks on VOC 2012. Tags as published, from VOC's XML files:
# tags = dict(source='xml', path='VOCdevkit/VOC2012/Annotations')
tags = dict(source='masks', path='SegmentationClassAug')
cam = dict(config='cam_rn50_voc-512.py')
clims = dict(config='clims_rn50_voc-512.py')
masks = dict(refine='pamr', options=dict(dilations=[1, 2, 4, 8, 12, 24]))
retrain = dict(config='retrain_rn50_pseudo-voc-512.py')
