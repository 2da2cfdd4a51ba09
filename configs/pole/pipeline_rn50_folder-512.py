# From tags to masks on your own pictures: images/training, tags.csv and classes.txt in data_root,
# and masks of the pictures that score the result alone.
tags = dict(source='file', path='tags.csv')
cam = dict(config='cam_rn50_folder-512.py')
masks = dict(refine='crf', threshold=0.3)
retrain = dict(config='retrain_rn50_pseudo-folder-512.py')
