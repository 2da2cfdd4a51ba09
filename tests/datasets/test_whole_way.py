"""Every dataset: made-up download -> prepare -> verify -> one training step -> evaluation."""

from pathlib import Path

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.datasets.converters.commands import make_plan
from icpc.datasets.converters.sources import Source
from icpc.datasets.converters.writing import prepare
from icpc.engine.training import train
from icpc.engine.verifying import verify

CONFIGS = Path(__file__).parents[2] / 'configs' / 'icpc'
# name -> (made-up download, config, data_root below the prepared folder)
WAYS = {
    'ade20k': (downloads.ade20k, 'ade20k-512', ''),
    'coco-stuff10k': (downloads.coco_stuff10k, 'coco-stuff10k-512', ''),
    'coco-stuff164k': (downloads.coco_stuff164k, 'coco-stuff164k-512', ''),
    'voc': (downloads.voc, 'voc-512', 'VOC2012'),
    'pascal-context59': (downloads.pascal_context59, 'pascal-context59-512', 'VOC2010'),
    'cityscapes': (downloads.cityscapes, 'cityscapes-768', ''),
    'camvid': (downloads.camvid, 'camvid-352', ''),
    'folder': (downloads.folder, 'folder-512', ''),
    'ade20k-full': (downloads.ade20k_full, 'ade20k-full-512', ''),
}


class Arguments:
    """What the command line gives."""

    def __init__(self, dataset: str, tmp_path: Path) -> None:
        self.dataset = dataset
        self.table, self.expect_classes = None, 4
        self.images, self.masks, self.first_id, self.validation_every = 'pictures', 'labels', 0, 2
        self.names = tmp_path / 'names.txt'
        self.names.write_text('cat\ndog\nbird\n')


@pytest.mark.parametrize('name', WAYS)
def test_whole_way(name, tmp_path, capsys, tiny_resnet_cfg):
    download, config, root = WAYS[name]
    source = Source(downloads.write(tmp_path / 'download', download()))
    plan = make_plan(Arguments(name, tmp_path), source)
    list(prepare(source, tmp_path / 'data', plan.jobs, plan.settings, plan.texts, workers=1))

    path = str(CONFIGS / f'icpc_rn50_fpn_80k_{config}.py')
    options = {'data_root': str(tmp_path / 'data' / root), 'crop_size': 32, 'num_workers': 0}
    reports = verify(path, options, str(tmp_path / 'pictures'), sample=None)
    splits = ['training', 'validation', *(['test'] if name == 'camvid' else [])]
    assert [report.name for report in reports] == splits
    assert all(report.checked == report.pictures > 0 for report in reports)
    for report in reports:
        picture = np.array(Image.open(tmp_path / 'pictures' / f'{report.name}.png'))
        assert picture.std() > 10

    quick = {
        'model.clip.model': tiny_resnet_cfg,
        'model.clip.pretrained': None,
        'model.clip.image_size': None,
        'model.neck.out_channels': 8,
        'model.decode_head.channels': 8,
        'max_iters': 1,
        'val_interval': 1,
        'global_batch': 2,
        'gpu_batch': 2,
    }
    metrics = train(path, {**options, **quick}, str(tmp_path / 'work'))
    assert 0 <= metrics['mIoU'] <= 100
    assert 0 <= metrics['score_mIoU'] <= 100
    printed = capsys.readouterr().out
    assert printed.count('MiB for a picture of') == 1
    assert 'mIoU' in printed
