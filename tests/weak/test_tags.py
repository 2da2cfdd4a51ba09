"""Tags of pictures: their files, where they come from, and that training reads no mask."""

import json

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS
from PIL import Image

from icpc.errors import UserError
from icpc.weak.tags.swept_cam import SweptCAM
from icpc.weak.tags.tag_files import TagFile, write_tags
from icpc.weak.tags.tag_sources import tags_from_coco, tags_from_xml, tags_of_labels

CLASSES = ['cat', 'dog', 'traffic light']


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('a.csv', 'one,cat,traffic light\n\ntwo\n"three", dog\n'),
        ('a.csv', '\ufeffpicture,class\r\none,cat,traffic light,,\r\n two ,\r\nthree,dog,dog\r\n'),
        ('a.json', '{"one": ["cat", "traffic light"], "two": [],\n "three": ["dog"]}'),
    ],
)
def test_both_formats_give_the_same_vectors(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding='utf-8', newline='')
    vectors = TagFile(tmp_path / name).vectors(['one', 'two', 'three'], CLASSES)
    assert [vectors[key].tolist() for key in ('one', 'two', 'three')] == [
        [1, 0, 1],
        [0, 0, 0],
        [0, 1, 0],
    ]


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('a.csv', 'one,cat\ntwo,dgo\n', ["a.csv, line 2: 'dgo' is no class", 'dog']),
        ('a.json', '{\n"one": ["cat"],\n"two": ["dgo"]}', ["a.json, line 3: 'dgo'", 'dog']),
        ('a.csv', 'one,cat\none,dog\n', ['line 2', 'line 1']),
        ('a.json', '{"one": [], "one": ["cat"]}', ['one comes twice']),
        ('a.json', '{"one": ["cat"],\n"two": "dog"}', ['line 2', "got 'dog'"]),
        ('a.json', '["one"]', ['must be {"picture"']),
        ('a.json', '{"one"', ['no JSON']),
        (
            'a.csv',
            'one,cat\ntwoo,cat\n',
            ['1 of 2 pictures have no tags', 'two; did you mean twoo'],
        ),
        ('a.csv', 'one,cat\n,dog\n', ['a.csv, line 2: no picture before dog']),
        ('a.csv', '\none,"cat\ntwo,dog\n', ['a.csv, line 2', 'a quote?']),
        ('a.csv', '"one\n",cat\ntwo,dgo\n', ["line 3: 'dgo'"]),
        ('a.csv', 'one.jpg,cat\ntwo.jpg\n', ['it has one.jpg', 'without their suffix']),
        ('a.csv', 'one;cat\ntwo;dog\n', ["'one;cat' is one name: write commas"]),
        pytest.param('a.json', '[' * 100_000, ['no JSON'], id='brackets'),
        ('a.txt', '', ['.csv or a .json']),
        ('b.csv', None, ['no such file of tags']),
    ],
)
def test_bad_tags_are_one_message(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as found:
        TagFile(tmp_path / name).vectors(['one', 'two'], CLASSES)
    assert all(word in str(found.value) for word in words), str(found.value)


def test_what_is_written_is_read_again(tmp_path):
    tags = {'b/x': ('dog',), 'a': ()}
    write_tags(tags, tmp_path / 'new' / 't.json')
    assert TagFile(tmp_path / 'new' / 't.json').tags == tags


def test_tags_of_a_mask_are_its_classes_of_some_size():
    labels = np.array([[0, 0, 255, 2], [3, 3, 3, 2], [3, 3, 3, 1], [9, 3, 3, 3]])
    names = ['background', *CLASSES]
    assert tags_of_labels(labels, names) == ('cat', 'dog', 'traffic light')
    assert tags_of_labels(labels, names, smallest=1 / 16) == ('dog', 'traffic light')


def test_tags_of_xml(tmp_path):
    objects = ''.join(f'<object><name>{name}</name></object>' for name in ('dog', 'cat', 'dog'))
    (tmp_path / 'one.xml').write_text(f'<annotation>{objects}</annotation>')
    (tmp_path / 'two.xml').write_text('<annotation><object><name>cta</name></object></annotation>')
    assert tags_from_xml(tmp_path, ['one'], CLASSES) == {'one': ('cat', 'dog')}
    (tmp_path / 'four.xml').write_text('<html><object><name>cat</name></object></html>')
    (tmp_path / 'five.xml').write_bytes(b'')
    (tmp_path / 'six.xml').write_text('<?xml version="1.0" encoding="no"?><annotation/>')
    (tmp_path / 'seven.xml').write_text('<annotation></annotation>')
    assert tags_from_xml(tmp_path, ['seven'], CLASSES) == {'seven': ()}
    for name, word in (
        ('two', "'cta' is no class; did you mean cat"),
        ('three', 'no such file'),
        ('four', 'four.xml: no <annotation> of VOC, but a <html>'),
        ('five', 'five.xml: no XML'),
        ('six', 'six.xml: no XML'),
    ):
        with pytest.raises(UserError, match=word):
            tags_from_xml(tmp_path, [name], CLASSES)


def test_tags_of_coco(tmp_path):
    path, tree = (
        tmp_path / 'instances.json',
        {
            'categories': [{'id': 17, 'name': 'cat'}, {'id': 10, 'name': 'traffic light'}],
            'images': [{'id': 5, 'file_name': 'x_5.jpg'}, {'id': 6, 'file_name': 'x_6.jpg'}],
            'annotations': [{'image_id': 5, 'category_id': 10}, {'image_id': 5, 'category_id': 17}],
        },
    )
    path.write_text(json.dumps(tree))
    assert tags_from_coco(path, CLASSES) == {'x_5': ('cat', 'traffic light'), 'x_6': ()}
    with pytest.raises(UserError, match='1 pictures are none of its images, among them x_7'):
        tags_from_coco(path, CLASSES, ['x_5', 'x_7'])
    twice = [*tree['images'], {'id': 7, 'file_name': 'other/x_5.jpg'}]
    path.write_text(json.dumps({**tree, 'images': twice}))
    with pytest.raises(UserError, match='2 of its images are called x_5'):
        tags_from_coco(path, CLASSES)
    path.write_text('{')
    with pytest.raises(UserError, match='cut or damaged .*; put back a whole copy$'):
        tags_from_coco(path, CLASSES)
    path.write_text(json.dumps({'images': []}))
    with pytest.raises(UserError, match='no instances file'):
        tags_from_coco(path, CLASSES)


def tagged(root, **options):
    (root / 'images').mkdir(exist_ok=True)
    Image.new('RGB', (6, 4)).save(root / 'images' / 'one.png')
    (root / 'classes.txt').write_text('background\ncat\ndog\n')
    (root / 'tags.csv').write_text('one,dog\n')
    return DATASETS.build(
        dict(
            type='TaggedFolderDataset',
            data_root=str(root),
            img_suffix='.png',
            tags='tags.csv',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='PackSegInputs', meta_keys=['img_path', 'ori_shape', 'tags']),
            ],
            **options,
        )
    )


def test_a_picture_carries_its_tags_where_no_mask_is(tmp_path):
    sample = tagged(tmp_path, data_prefix=dict(img_path='images'))[0]['data_samples']
    assert sample.tags.tolist() == [0, 1]
    assert 'gt_sem_seg' not in sample


def test_things_of_scenes_and_the_rest():
    dataset = DATASETS.build(dict(type='ThingScenesDataset', lazy_init=True))
    assert dataset.metainfo['classes'][:3] == ('background', 'building', 'house')
    assert dataset.label_map[8] == 0  # a wall
    assert dataset.label_map[9] == 1  # a building
    assert len(dataset.metainfo['palette']) == len(dataset.metainfo['classes']) == 10


def test_a_long_side_and_a_crop_are_random(tmp_path):
    from icpc.weak.tags.tagged_steps import CropAtRandomPlace, RandomLongSide

    picture = np.full((20, 40, 3), 200, np.uint8)
    np.random.seed(0)
    sides = {RandomLongSide(30, 50)({'img': picture})['img'].shape for _ in range(60)}
    assert {max(shape) for shape in sides} <= set(range(30, 51))
    assert len(sides) > 10
    assert all(abs(shape[1] - 2 * shape[0]) <= 1 for shape in sides)
    places = set()
    for _ in range(40):
        mask = np.full((20, 40), 7, np.uint8)
        results = CropAtRandomPlace(30, (1, 2, 3), 99)({'img': picture, 'gt_seg_map': mask})
        crop, labels = results['img'], results['gt_seg_map']
        inside = (crop == 200).all(axis=2)
        assert (labels == np.where(inside, 7, 99)).all()
        assert inside.sum() == 20 * 30
        assert (crop[~inside] == (1, 2, 3)).all()
        places.add(int(inside.any(axis=1).argmax()))
    assert len(places) > 6
    assert places <= set(range(11))
    # Ids that fit into 8 bits, and one around them that does not.
    mask = np.full((4, 4), 7, np.uint8)
    labels = CropAtRandomPlace(6, label=65535)({'gt_seg_map': mask, 'img': picture[:4, :4]})[
        'gt_seg_map'
    ]
    assert np.unique(labels, return_counts=True)[1].tolist() == [16, 20]
    assert labels.max() == 65535


def test_the_threshold_is_swept():
    metric = SweptCAM(thresholds=[0.1, 0.5, 0.95], truth_only=True)
    metric.dataset_meta = dict(classes=('background', 'cat', 'dog'))
    cam = torch.tensor([[[0.9, 0.3, 0.0, 0.0]], [[0.0, 0.0, 0.8, 0.0]]])  # (2, 1, 4)
    labels = torch.tensor([[[1, 0, 2, 255]]])
    samples = [{'gt_sem_seg': {'data': labels}, 'pred_cam': {'data': cam}}]
    metric.process(None, samples)
    found = metric.evaluate(1)
    assert found.pop('cam_truth_mIoU') == pytest.approx(100.0)
    assert found == {'cam_mIoU': pytest.approx(100.0), 'cam_threshold': 0.5}
    means = [metric.results_by_threshold[one].mean_iou for one in (0.1, 0.95)]
    assert means == pytest.approx([100 * (0 + 1 / 2 + 1) / 3, 100 * (1 / 3) / 3])
    metric.process(None, samples)
    with pytest.raises(UserError, match='1 pictures were evaluated, the dataset has 2'):
        metric.evaluate(2)
