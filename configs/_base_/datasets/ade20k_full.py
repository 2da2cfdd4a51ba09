# ADE20K-Full, 847 classes; prepared by tools/prepare_data.py ade20k-full.
_base_ = './folder.py'
dataset_type = 'ADE20KFullDataset'
data_root = 'data/ade20k_full'
