"""What tools/verify_data.py finds in data that is wrong in one way."""

import shutil
from pathlib import Path

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.commands.verify_data import verify
from icpc.errors import UserError

CONFIGS = Path(__file__).parents[2] / 'configs' / 'icpc'
ADE = CONFIGS / 'icpc_rn50_fpn_80k_ade20k-512.py'
COCO = CONFIGS / 'icpc_rn50_fpn_80k_coco-stuff164k-512.py'


@pytest.fixture
def ade(tmp_path: Path) -> Path:
    return downloads.write(tmp_path, downloads.ade20k()) / 'ADEChallengeData2016'


def found(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture, **options: object) -> str:
    config = options.pop('config', ADE)
    capsys.readouterr()
    with pytest.raises(UserError, match='of problems in the data'):
        verify(str(config), {'data_root': str(root), **options}, str(tmp_path / 'out'))
    return capsys.readouterr().out


def mask_of(root: Path) -> Path:
    return root / 'annotations/training/ADE_train_00000001.png'


def save(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(downloads.encoded(pixels))


def test_sound_data_pass(ade, tmp_path, capsys):
    reports = verify(str(ADE), {'data_root': str(ade)}, str(tmp_path / 'out'), sample=None)
    text = capsys.readouterr().out
    assert [(r.name, r.pictures, r.checked) for r in reports] == [
        ('training', 3, 3),
        ('validation', 3, 3),
    ]
    assert set(reports[0].ids) == {0, 1, 5, 150}
    assert sum(reports[0].ids.values()) == 3 * 40 * 56
    assert 'note: training: 147 classes never occur: building, sky, floor' in text
    assert '0..150' in text
    written = {p.name for p in (tmp_path / 'out').iterdir()}
    assert written == {'training.png', 'validation.png', 'label_ids.csv'}


def test_histogram_of_ids_against_the_class_list(ade, tmp_path, capsys):
    verify(str(ADE), {'data_root': str(ade)}, str(tmp_path / 'out'), sample=None)
    rows = (tmp_path / 'out/label_ids.csv').read_text().splitlines()
    assert rows[0] == 'id,class,training,validation'
    assert len(rows) == 1 + 1 + 150
    cells = [row.split(',') for row in rows[1:]]
    assert [cells[0][:2], cells[1][:2]] == [['0', '"ignored"'], ['1', '"wall"']]
    assert sum(int(row[2]) for row in cells) == 3 * 40 * 56
    assert {row[0] for row in cells if int(row[2])} == {'0', '1', '5', '150'}
    assert 'label_ids.csv' in capsys.readouterr().out


def test_histogram_on_the_console_names_ids_without_class(tmp_path, capsys):
    root = tmp_path / 'own'
    picture = downloads.encoded(np.zeros((10, 10, 3), np.uint8), 'JPEG')
    for split in ('training', 'validation'):
        ids = np.zeros((10, 10), np.uint16)
        ids[0] = 7
        ids[1:5] = 1
        downloads.write(
            root,
            {
                f'images/{split}/{split}.jpg': picture,
                f'annotations/{split}/{split}.png': downloads.encoded(ids),
            },
        )
    (root / 'classes.txt').write_text('cat\ndog\n')
    config = CONFIGS / 'icpc_rn50_fpn_80k_folder-512.py'
    text = found(root, tmp_path, capsys, config=config)
    lines = [' '.join(line.replace('│', ' ').split()) for line in text.splitlines()]
    bar = '█'
    assert f'1 dog 40.00% {bar * 16} 40.00% {bar * 16}' in lines  # of 20 for the 50 % of cat
    assert f'7 NO CLASS 10.00% {bar * 4} 10.00% {bar * 4}' in lines


def test_truncated_picture(ade, tmp_path, capsys):
    path = ade / 'images/training/ADE_train_00000001.jpg'
    path.write_bytes(path.read_bytes()[:-400])
    text = found(ade, tmp_path, capsys)
    assert 'training: the picture cannot be read' in text
    assert 'ADE_train_00000001.jpg' in text


def test_empty_picture_and_mask(ade, tmp_path, capsys):
    (ade / 'images/training/ADE_train_00000000.jpg').write_bytes(b'')
    mask_of(ade).write_bytes(b'')
    text = found(ade, tmp_path, capsys)
    assert 'the picture cannot be read' in text
    assert 'the mask cannot be read' in text


def test_coloured_mask(ade, tmp_path, capsys):
    save(mask_of(ade), np.zeros((*downloads.SIZE, 3), np.uint8))
    assert 'the mask has mode RGB, expected one channel' in found(ade, tmp_path, capsys)


def test_sizes_that_differ(ade, tmp_path, capsys):
    save(mask_of(ade), np.ones((20, 20), np.uint8))
    assert 'mask and picture have different sizes' in found(ade, tmp_path, capsys)


def test_id_outside_the_classes(ade, tmp_path, capsys):
    save(mask_of(ade), downloads.ids([1, 160]))
    text = found(ade, tmp_path, capsys)
    assert 'label id 160, but 150 classes are 1..150 and 0 and 255 are ignored' in text
    assert 'another edition' in text


def test_missing_mask(ade, tmp_path, capsys):
    mask_of(ade).unlink()
    text = found(ade, tmp_path, capsys)
    assert 'have no mask' in text
    assert 'training' in text


def test_missing_folder(tmp_path, capsys):
    text = found(tmp_path / 'nothing', tmp_path, capsys)
    assert 'no such folder' in text
    assert 'ADEChallengeData2016.zip' in text


def test_everything_ignored(ade, tmp_path, capsys):
    for path in (ade / 'annotations/training').iterdir():
        save(path, np.zeros(downloads.SIZE, np.uint8))
    text = found(ade, tmp_path, capsys)
    assert 'every pixel of the masks is 0 and 255 are ignored' in text


def test_reduced_without_need(ade, tmp_path, capsys):
    for path in (ade / 'annotations/training').iterdir():
        save(path, downloads.ids([0, 0, 1, 148]))
    verify(str(ADE), {'data_root': str(ade)}, str(tmp_path / 'out'))
    text = capsys.readouterr().out
    assert 'reduce_zero_label=True ignores id 0, 50% of all pixels' in text
    assert "the last class, 'flag', never occurs: do ids count from 0?" in text


def coco(tmp_path: Path, values: list[int]) -> Path:
    root = tmp_path / 'coco'
    for split in ('train2017', 'val2017'):
        for folder, name, content in (
            ('images', '0.jpg', downloads.picture()),
            ('annotations', '0_labelTrainIds.png', downloads.encoded(downloads.ids(values))),
        ):
            downloads.write(root, {f'{folder}/{split}/{name}': content})
    return root


def test_ids_that_count_from_1(tmp_path, capsys):
    text = found(coco(tmp_path, [1, 171]), tmp_path, capsys, config=COCO)
    assert 'ids count from 1; set reduce_zero_label=True on the dataset' in text


def test_raw_coco_ids(tmp_path, capsys):
    text = found(coco(tmp_path, [0, 181]), tmp_path, capsys, config=COCO)
    assert 'raw COCO-Stuff ids; convert them' in text


def test_raw_cityscapes_ids(tmp_path, capsys):
    files = {}
    for split in ('train', 'val'):
        files[f'leftImg8bit/{split}/a/a_leftImg8bit.png'] = downloads.encoded(
            np.zeros((*downloads.SIZE, 3), np.uint8)
        )
        mask = downloads.encoded(downloads.ids([0, 33]))
        files[f'gtFine/{split}/a/a_gtFine_labelTrainIds.png'] = mask
    root = downloads.write(tmp_path / 'city', files)
    config = CONFIGS / 'icpc_rn50_fpn_80k_cityscapes-768.py'
    assert 'labelIds instead of trainIds' in found(root, tmp_path, capsys, config=config)


def own(tmp_path: Path, mask: bytes) -> Path:
    root = tmp_path / 'own'
    for split in ('training', 'validation'):
        downloads.write(root, {f'images/{split}/0.jpg': downloads.picture()})
        downloads.write(root, {f'annotations/{split}/0.png': mask})
    (root / 'classes.txt').write_text(''.join(f'class {i}\n' for i in range(300)))
    return root


def test_255_as_a_class(tmp_path, capsys):
    root = own(tmp_path, downloads.encoded(downloads.ids([0, 255, 299], np.uint16)))
    config = str(CONFIGS / 'icpc_rn50_fpn_80k_folder-512.py')
    options = {'data_root': str(root)}
    verify(config, options, str(tmp_path / 'out'), sample=None)
    assert "is the class 'class 255'" not in capsys.readouterr().out
    dataset = {f'{s}_dataloader.dataset.ignore_index': 255 for s in ('train', 'val')}
    verify(config, options | dataset, str(tmp_path / 'out'))
    text = capsys.readouterr().out
    assert "id 255 is the class 'class 255', but it is ignored; set ignore_index=65535" in text


def test_16_bit_mask_read_as_8_bit(tmp_path, capsys):
    root = own(tmp_path, downloads.encoded(downloads.ids([0, 299], np.uint16)))
    config = CONFIGS / 'icpc_rn50_fpn_80k_folder-512.py'
    text = found(root, tmp_path, capsys, config=config, annotations='LoadAnnotations')
    assert 'which LoadAnnotations cuts to 8 bit' in text


def test_list_that_names_what_is_not_there(tmp_path, capsys):
    root = tmp_path / 'VOC2012'
    for folder, content in (
        ('JPEGImages/a.jpg', downloads.picture()),
        ('SegmentationClassAug/a.png', downloads.encoded(downloads.ids([0, 1]))),
        ('ImageSets/Segmentation/trainaug.txt', b'a\nb\n'),
        ('ImageSets/Segmentation/val.txt', b'\n'),
    ):
        downloads.write(root, {folder: content})
    config = CONFIGS / 'icpc_rn50_fpn_80k_voc-512.py'
    text = found(root, tmp_path, capsys, config=config)
    assert '1 of 2 names in' in text
    assert 'val.txt: the list is empty' in text


def test_training_pictures_in_the_validation_split(ade, tmp_path, capsys):
    same = {'val_dataloader.dataset.data_prefix.img_path': 'images/training'}
    same |= {'val_dataloader.dataset.data_prefix.seg_map_path': 'annotations/training'}
    text = found(ade, tmp_path, capsys, **same, **{'train_images': 2})
    assert 'pictures that are in the training split too [2:' in text


def test_sampling_looks_at_some_and_full_at_all(ade, tmp_path, capsys):
    picture = ade / 'images/training/ADE_train_00000001.jpg'
    for i in range(5, 40):
        for path in (picture, mask_of(ade)):
            shutil.copy(path, path.with_name(path.name.replace('1.', f'{i}x.')))
    options = {'data_root': str(ade)}
    reports = verify(str(ADE), options, str(tmp_path / 'out'), sample=5)
    assert (reports[0].pictures, reports[0].checked) == (38, 5)
    assert Image.open(tmp_path / 'out/training.png').size[0] > 100


@pytest.mark.parametrize('option', ['sample', 'workers'])
def test_looking_at_nothing_is_refused(tmp_path, option):
    with pytest.raises(UserError, match=f'--{option} must be at least 1, got 0'):
        verify(str(ADE), out=str(tmp_path / 'out'), **{option: 0})
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('pixels', 'message'),
    [
        (np.full((40, 56), 200, np.uint8), 'ADE_train_00000002.png: label id 199'),
        (np.zeros((41, 56), np.uint8), 'mask and picture have different sizes'),
        (np.full((40, 56), 256, np.uint16), 'which LoadAnnotations cuts to 8 bit'),
    ],
)
def test_what_training_refuses_is_found_beyond_the_sample(ade, tmp_path, capsys, pixels, message):
    save(ade / 'annotations/training/ADE_train_00000002.png', pixels)
    with pytest.raises(UserError):
        verify(str(ADE), {'data_root': str(ade)}, str(tmp_path / 'out'), sample=1)
    text = capsys.readouterr().out
    assert message in text
    assert 'problem: validation' not in text
