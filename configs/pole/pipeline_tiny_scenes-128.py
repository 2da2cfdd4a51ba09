# From tags to masks on the embedded scenes, minutes on two cores: python tools/weakly.py this file
tags = dict(source='masks', path='annotations/training', smallest=0.005)
cam = dict(config='cam_tiny_scenes-128.py')
masks = dict(refine='pamr', uncertain=0.12)
retrain = dict(config='retrain_tiny_pseudo-scenes-192.py')
