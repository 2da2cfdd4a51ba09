"""Masks of all kinds are read as ids, or refused with name and reason, everywhere alike."""

from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import ADE20KDataset
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from icpc.datasets import FolderDataset, LoadNamedAnnotations
from icpc.datasets.checks.inspection import inspect
from icpc.datasets.checks.pair_faults import verify_labels
from icpc.datasets.converters.own.own_ids import Ids, convert_mask
from icpc.errors import UserError

IDS = np.array([[0, 1, 2], [2, 1, 0]])
NAMES = tuple(f'class {i}' for i in range(300))


def as_is(kind: type) -> Image.Image:
    return Image.fromarray(IDS.astype(kind))


def palette(**info: object) -> Image.Image:
    mask = Image.fromarray(IDS.astype(np.uint8), 'P')
    mask.putpalette([9, 8, 7, 200, 0, 0, 9, 8, 7])  # two ids of one colour
    mask.info.update(info)
    return mask


# file, mask, ids
READ = {
    '1 bit': ('a.png', Image.fromarray(IDS == 1), (IDS == 1).astype(int)),
    'grey': ('a.png', as_is(np.uint8), IDS),
    'grey bitmap': ('a.bmp', as_is(np.uint8), IDS),
    'palette': ('a.png', palette(), IDS),
    'palette gif': ('a.gif', palette(), IDS),
    'palette, one colour transparent': ('a.png', palette(transparency=1), IDS),
    '16 bit': ('a.png', as_is(np.uint16), IDS),
    '16 bit tiff': ('a.tif', as_is(np.uint16), IDS),
    '16 bit tiff of a Macintosh': ('a.tif', as_is('>u2'), IDS),
    '32 bit': ('a.tif', as_is(np.int32), IDS),
    'whole numbers as floats': ('a.tif', as_is(np.float32), IDS),
    'one row': ('a.png', Image.fromarray(IDS[:1].astype(np.uint8)), IDS[:1]),
}
RGB = Image.fromarray(np.zeros((2, 3, 3), np.uint8))
# file, mask, the reason
REFUSED = {
    'colour': ('a.png', RGB, 'mode RGB, expected one channel'),
    'colour and alpha': ('a.png', RGB.convert('RGBA'), 'mode RGBA, expected one channel'),
    'grey and alpha': ('a.png', RGB.convert('LA'), 'mode LA, expected one channel'),
    'fractions': ('a.tif', Image.fromarray((IDS / 4).astype(np.float32)), 'holds fractions'),
    'negative': ('a.tif', Image.fromarray((IDS - 1).astype(np.int32)), 'holds negative numbers'),
    'empty': ('a.png', b'', 'cannot be read'),
    'text': ('a.png', b'not found', 'cannot be read'),
}


def dataset(root: Path, name: str, mask: Image.Image | bytes, wide: bool):
    for folder in ('images', 'masks'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if isinstance(mask, bytes):
        (root / 'masks' / name).write_bytes(mask)
    else:
        mask.save(root / 'masks' / name)
    size = (3, 2) if isinstance(mask, bytes) else mask.size
    Image.new('RGB', size).save(root / 'images/a.png')
    cls, kind = (FolderDataset, 'Wide') if wide else (ADE20KDataset, '')
    return cls(
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        seg_map_suffix=Path(name).suffix,
        pipeline=[dict(type='LoadImageFromFile'), dict(type=f'Load{kind}Annotations')],
        **(dict(all_classes=NAMES) if wide else dict(reduce_zero_label=False)),
    )


@pytest.mark.parametrize('wide', [False, True])
@pytest.mark.parametrize('kind', READ)
def test_kinds_that_are_read(tmp_path, kind, wide):
    name, mask, ids = READ[kind]
    data = dataset(tmp_path, name, mask, wide)
    labels = data[0]['gt_seg_map']
    assert labels.tolist() == ids.tolist()
    assert labels.dtype.isnative
    verify_labels(data)
    report = inspect('training', data)
    assert list(report.messages()) == []
    assert set(report.ids) == set(np.unique(ids))
    (tmp_path / 'converted.png').write_bytes(
        convert_mask((tmp_path / 'masks' / name).read_bytes(), Ids(NAMES))
    )
    assert np.array(Image.open(tmp_path / 'converted.png')).tolist() == ids.tolist()


@pytest.mark.parametrize('wide', [False, True])
@pytest.mark.parametrize('kind', REFUSED)
def test_kinds_that_are_refused(tmp_path, kind, wide):
    name, mask, reason = REFUSED[kind]
    data = dataset(tmp_path, name, mask, wide)
    with pytest.raises(UserError, match=rf'/{name}: the mask cannot be read: .*--resume'):
        data[0]
    (problem,) = inspect('training', data).messages()
    assert reason in problem
    with pytest.raises(UserError, match=rf'/{name}: ') as caught:
        verify_labels(data)
    assert 'download' not in str(caught.value)
    if 'cannot be read' not in reason:
        with pytest.raises(UserError, match=reason):
            convert_mask((tmp_path / 'masks' / name).read_bytes(), Ids(NAMES))


@pytest.mark.parametrize('value', [256, 299, 65535])
def test_wide_ids_are_cut_nowhere(tmp_path, value):
    mask = Image.fromarray(np.full((2, 3), value, np.uint16))
    narrow, wide = (dataset(tmp_path, 'a.png', mask, wide) for wide in (False, True))
    assert wide[0]['gt_seg_map'].tolist() == [[value] * 3] * 2
    for refuse in (lambda: narrow[0], lambda: verify_labels(narrow)):
        with pytest.raises(UserError, match=r'a\.png.*which LoadAnnotations cuts to 8 bit'):
            refuse()


@pytest.mark.parametrize('reduce', [False, True])
@pytest.mark.parametrize('table', [None, {i: (i * 7 + 3) % 255 for i in range(200)}])
def test_the_narrow_reader_is_mmsegmentations(tmp_path, reduce, table):
    """Every id, reduced or not, mapped or not, becomes what MMSegmentation's reader makes of it."""
    path = tmp_path / 'all.png'
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(path)
    seen = [
        reader()(
            dict(seg_map_path=str(path), reduce_zero_label=reduce, label_map=table, seg_fields=[])
        )['gt_seg_map']
        for reader in (LoadAnnotations, LoadNamedAnnotations)
    ]
    assert np.array_equal(*seen)
    assert seen[0].dtype == seen[1].dtype
