"""Folders as people have them: which files are read, paired and split, a row a layout."""

import os
from pathlib import Path

import downloads
import numpy as np
import pytest

from icpc.datasets.converters.own import own_folder
from icpc.datasets.converters.own.own_folder import Asked
from icpc.datasets.converters.own.own_ids import Ids
from icpc.datasets.converters.own.own_splits import by_name, films
from icpc.datasets.converters.plan import Plan
from icpc.datasets.converters.sources import Source
from icpc.errors import UserError

IDS = Ids(('a', 'b'))
MASK = downloads.encoded(np.array([[0, 1]], np.uint8))


def tree(root: Path, *paths: str) -> Source:
    """A source of these files; masks where a path says so, text where it holds a `=`."""
    files = dict(path.partition('=')[::2] if '=' in path else (path, '') for path in paths)
    return Source(
        downloads.write(root, {p: text.encode() if text else MASK for p, text in files.items()})
    )


def planned(source: Source, **asked: object) -> Plan:
    return own_folder.plan(source, Asked(**{'every': 2, **asked}), IDS)


def layout(plan: Plan) -> dict[str, tuple[str, str]]:
    """split/name -> its picture and mask in the source."""
    jobs = {job.target.rpartition('.')[0]: job.source for job in plan.jobs}
    names = [name.removeprefix('images/') for name in jobs if name.startswith('images/')]
    return {name: (jobs[f'images/{name}'], jobs[f'annotations/{name}']) for name in names}


# The names' own split: 0, 1 and 3 are for validation with every=2, 2 trains.
SEVERAL = ('images/2.jpg', 'images/3.jpg', 'masks/2.png', 'masks/3.png')


@pytest.mark.parametrize(
    ('paths', 'asked', 'expected'),
    [
        # Suffixes in upper case, mixed, and what systems leave beside the files.
        (('images/2.JPG', 'images/3.jpeg', 'masks/2.PNG', 'masks/3.png'), {},
         {'training/2': ('images/2.JPG', 'masks/2.PNG'),
          'validation/3': ('images/3.jpeg', 'masks/3.png')}),
        ((*SEVERAL, 'images/._2.jpg', 'images/.x.png', '__MACOSX/images/4.jpg', 'masks/Thumbs.db',
          'masks/desktop.ini', '.git/images/5.jpg', 'images/.DS_Store'), {},
         {'training/2': ('images/2.jpg', 'masks/2.png'),
          'validation/3': ('images/3.jpg', 'masks/3.png')}),
        # Masks of other names.
        *[((f'images/{a}.jpg', f'images/{b}.jpg', f'masks/{c}.png', f'masks/{d}.png'), asked,
           {'training/2': (f'images/{a}.jpg', f'masks/{c}.png'),
            'validation/3': (f'images/{b}.jpg', f'masks/{d}.png')})
          for a, b, c, d, asked in [
              ('2', '3', '2_mask', '3_mask', {}),
              ('2', '3', '2_labelIds', '3_labelIds', {}),
              ('2', '3', '2_L', '3_L', {}),
              ('2', '3', '2-Seg', '3-Seg', {}),
              ('2', '3', 'mask_2', 'mask_3', {}),
              ('2', '3', '2_by_ann', '3_by_ann', dict(mask_name='{}_by_ann')),
              ('2_photo', '3_photo', '2_gt', '3_gt', dict(image_name='{}_photo')),
        ]],
        # Besides, a coloured edition of each mask.
        ((*SEVERAL[:2], *(f'masks/{i}_{w}.png' for i in (2, 3) for w in ('color', 'labelIds'))), {},
         {'training/2': ('images/2.jpg', 'masks/2_labelIds.png'),
          'validation/3': ('images/3.jpg', 'masks/3_labelIds.png')}),
        # Splits of the person, as folders above, below, and lists.
        (('train/images/2.jpg', 'val/images/2.jpg', 'train/masks/2.png', 'val/masks/2.png'), {},
         {'training/2': ('train/images/2.jpg', 'train/masks/2.png'),
          'validation/2': ('val/images/2.jpg', 'val/masks/2.png')}),
        (('images/Train/c/2.jpg', 'images/valid/2.jpg', 'masks/train/c/2.png', 'masks/val/2.png',
          'images/test/9.jpg'), {},
         {'training/c_2': ('images/Train/c/2.jpg', 'masks/train/c/2.png'),
          'validation/2': ('images/valid/2.jpg', 'masks/val/2.png')}),
        (('images/a b.jpg', 'images/3.jpg', 'masks/a b.png', 'masks/3.png', 'val.txt=a b.jpg\r\n\n',
          'lists/train.txt=images/3.jpg\n'), {},
         {'training/3': ('images/3.jpg', 'masks/3.png'),
          'validation/a b': ('images/a b.jpg', 'masks/a b.png')}),
        # An accent as a sign of its own, as a Macintosh writes it, and as one sign.
        (('images/e\u0301.jpg', 'images/3.jpg', 'masks/\u00e9.png', 'masks/3.png',
          'val.txt=e\u0301', 'train.txt=3'), {},
         {'training/3': ('images/3.jpg', 'masks/3.png'),
          'validation/\u00e9': ('images/e\u0301.jpg', 'masks/\u00e9.png')}),
        # Train and test without val: test stays test.
        ((*(f'{part}/train/{i}.png' for part in ('images', 'masks') for i in (2, 3)),
          *(f'{part}/test/1.png' for part in ('images', 'masks'))), {},
         {'training/2': ('images/train/2.png', 'masks/train/2.png'),
          'validation/3': ('images/train/3.png', 'masks/train/3.png'),
          'test/1': ('images/test/1.png', 'masks/test/1.png')}),
        # One of several folders, chosen; pictures and masks in one folder, and at the root.
        (('old/images/2.jpg', *SEVERAL), dict(images='./images'),
         {'training/2': ('images/2.jpg', 'masks/2.png'),
          'validation/3': ('images/3.jpg', 'masks/3.png')}),
        ((*(f'{d}/images/{i}.png' for d in 'ab' for i in (2, 3)), 'masks/2.png', 'masks/3.png'),
         dict(images='./b/images'),
         {'training/2': ('b/images/2.png', 'masks/2.png'),
          'validation/3': ('b/images/3.png', 'masks/3.png')}),
        (('d/2.jpg', 'd/3.jpg', 'd/2.png', 'd/3.png'), dict(images='d', masks='d'),
         {'training/2': ('d/2.jpg', 'd/2.png'), 'validation/3': ('d/3.jpg', 'd/3.png')}),
        (('2.jpg', '3.jpg', '2_mask.png', '3_mask.png'), dict(images='.', masks='.'),
         {'training/2': ('2.jpg', '2_mask.png'), 'validation/3': ('3.jpg', '3_mask.png')}),
        ((*SEVERAL, 'train.txt=class\n'), dict(keep_split=False),
         {'training/2': ('images/2.jpg', 'masks/2.png'),
          'validation/3': ('images/3.jpg', 'masks/3.png')}),
    ],
)  # fmt: skip
def test_layouts(tmp_path, paths, asked, expected):
    assert layout(planned(tree(tmp_path, *paths), **asked)) == expected


@pytest.mark.parametrize(
    ('paths', 'asked', 'message'),
    [
        (('a/images/2.jpg', 'b/images/2.jpg', 'masks/2.png'), {},
         'has 2 folders images: a/images, b/images; choose one, such as --images ./a/images'),
        ((*SEVERAL, 'train/masks/2.png'), {}, 'has 2 folders masks: masks, train/masks; .*--masks'),
        (('train/images/2.jpg', 'x/train/images/3.jpg', 'masks/2.png'), {}, 'has 2 folders images'),
        (('train/images/2.jpg', 'val/images/3.jpg', 'masks/2.png'), dict(keep_split=False),
         'has 2 folders images: train/images, val/images'),
        (('images/train/2.jpg', 'images/extra/3.jpg', 'masks/2.png'), {},
         'images holds .*extra.*--images ./images/train .*--split by-name'),
        (('images/train/2.jpg', 'images/3.jpg', 'masks/2.png'), {}, 'train, files in no folder'),
        (('images/val/2.jpg', 'images/valid/3.jpg', 'masks/2.png'), {}, 'holds val, valid'),
        (('images/train/2.jpg', 'images/val/3.jpg', 'masks/2.png', 'masks/3.png'), {},
         'images has the splits training, validation, masks none'),
        (('images/val/2.jpg', 'masks/val/2.png'), {}, 'has validation, but no train'),
        (SEVERAL[:3], {}, "no mask, among them 3; a mask has its picture's name"),
        ((*SEVERAL[:2], 'masks/2_x.png', 'masks/3_x.png'), {}, "'2_x'; give --mask-name '{}_x'"),
        ((*SEVERAL[:2], *(f'masks/{i}_{w}.png' for i in (2, 3) for w in ('gt', 'seg'))), {},
         "'2_gt' or '2_seg'; give --mask-name '{}_gt' or --mask-name '{}_seg'"),
        (('images/2_leftImg8bit.png', 'masks/2_labels.png'), {},
         "the picture '2_leftImg8bit' and the mask '2_labels'.*--mask-name.*--image-name"),
        (SEVERAL, dict(mask_name='_mask'), "--mask-name '_mask': write {} once"),
        ((*SEVERAL[:2], 'masks/2.jpg'), {}, r'\(there are 1 .jpg\); JPEG changes ids'),
        (('images/2.tif', 'masks/2.png'), {}, r'no pictures .*\(there are 1 .tif\)'),
        ((*SEVERAL, 'images/4.heic', 'masks/4.png'), {}, r'4; .*not read as pictures: 1 .heic'),
        ((*SEVERAL, 'train.txt=2\n', 'x/train.txt=3\n'), {}, 'two lists of one split'),
        ((*SEVERAL, 'train.txt=2\n7\n'), {}, "train.txt: '7' is the name of no picture"),
        ((*SEVERAL, 'train.txt=2\n', 'val.txt=2\n'), {}, "val.txt: '2' is in train.txt too"),
        ((*SEVERAL, 'val.txt=2\n'), {}, 'the split by val.txt has .*validation, but no train'),
        ((*SEVERAL, 'val.txt=\xff\xfe'), {}, 'is the name of no picture'),
        (('images/a/2.jpg', 'images/b/2.jpg', 'masks/a/2.png', 'masks/b/2.png', 'val.txt=2\n'), {},
         "val.txt: '2' is the name of 2 pictures"),
    ],
)  # fmt: skip
def test_what_is_asked(tmp_path, paths, asked, message):
    with pytest.raises(UserError, match=message) as caught:
        planned(tree(tmp_path, *paths), **asked)
    assert 'download' not in str(caught.value)


@pytest.mark.parametrize(
    ('paths', 'notes'),
    [
        (SEVERAL, ['by a hash of the names', 'training: 1 pictures, validation: 1 pictures']),
        ((*SEVERAL, 'images/x.txt'), ['left alone in images: 1 .txt']),
        (('images/train/2.jpg', 'images/val/3.jpg', 'masks/train/2.png', 'masks/val/3.png',
          'images/test/4.jpg'), ['1 pictures of test, which have no masks', 'split of the source']),
        ((*SEVERAL, 'images/4.jpg', 'masks/4.png', 'train.txt=2\n', 'val.txt=3'),
         ['1 pictures in no list, among them 4', 'as its train.txt, val.txt tell']),
        (('images/2.png', *SEVERAL[1:]), ['set picture_suffix=.png']),
    ],
)  # fmt: skip
def test_what_is_said(tmp_path, paths, notes):
    said = '\n'.join(planned(tree(tmp_path, *paths)).notes)
    for note in notes:
        assert note in said


def test_links_are_entered_and_loops_end(tmp_path):
    tree(tmp_path / 'disk', *SEVERAL)
    source = tmp_path / 'source'
    source.mkdir()
    for name in ('images', 'masks'):
        (source / name).symlink_to(tmp_path / 'disk' / name)
    (tmp_path / 'disk/images/again').symlink_to(tmp_path / 'disk/images')
    (source / 'up').symlink_to(tmp_path)
    assert Source(source).paths() == sorted(SEVERAL)


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    tree(tmp_path, *SEVERAL)
    os.symlink('/gone/4.jpg', tmp_path / 'images' / '4.jpg')
    with pytest.raises(UserError, match='4.jpg: a link to /gone/4.jpg, which does not exist'):
        Source(tmp_path)


def test_another_picture_changes_no_split():
    names = [f'photo {i}' for i in range(200)]
    split = by_name(names, 10, '')
    assert 10 <= sum(value == 'validation' for value in split.values()) <= 30
    more = by_name([*(f'{i}' for i in range(50)), *names[::2]], 10, '')
    assert all(more[name] == split[name] for name in names[::2])


@pytest.mark.parametrize(
    ('names', 'film'),
    [
        (['f_0001', 'f_0002', 'f_0003'], True),
        (['a/9', 'a/10', 'a/11', 'b/3'], True),
        (['f_01', 'f_07', 'g_08'], False),
        (['cat', 'dog'], False),
        ([], False),
        (['f1_left', 'f2_left', 'f3_left'], True),
        (['f1_left', 'f2_right', 'f3_up'], False),
    ],
)
def test_films_are_spoken_of(names, film):
    assert (films(names) is not None) == film
