"""Ways in which a download, a target or an option is wrong, each with its message."""

import errno
import io
import json
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.datasets import manifest
from icpc.datasets.converters import (
    ade20k,
    ade20k_full,
    cityscapes,
    coco_stuff,
    voc,
)
from icpc.datasets.converters import prepare as commands
from icpc.datasets.converters.ade20k_names import Category, prompt_names, read_table
from icpc.datasets.converters.own import own_folder
from icpc.datasets.converters.own.own_folder import Asked
from icpc.datasets.converters.own.own_ids import Ids, convert_mask
from icpc.datasets.converters.plan import Plan
from icpc.datasets.converters.sources import Source
from icpc.datasets.converters.writing import Job, prepare
from icpc.errors import UserError
from icpc.names_file import read_names

SOURCE = dict(dataset='ade20k', download=False, keep=None)
NOISE = np.random.default_rng(0).integers(0, 151, (80, 80), dtype=np.uint8)


def run(plan: Plan, source: Source, out: Path) -> None:
    list(prepare(source, out, plan.jobs, plan.settings, plan.texts, workers=1))


def source_of(tmp_path: Path, files: dict[str, bytes]) -> Source:
    return Source(downloads.write(tmp_path / 'source', files))


def refused(message: str):
    return pytest.raises(UserError, match=message)


def test_no_such_source(tmp_path):
    with refused('no such file or folder'):
        Source(tmp_path / 'nothing')


def test_empty_source(tmp_path):
    with refused('no files in it'):
        Source(tmp_path)


def test_zip_that_stopped_half_way(tmp_path):
    path = downloads.zipped(tmp_path / 'a.zip', downloads.ade20k())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with refused('broken archive.*stopped early'):
        Source(path)


def test_damaged_file_inside_a_zip(tmp_path):
    path = downloads.zipped(tmp_path / 'a.zip', {'a/b.txt': b'1234567890' * 50})
    content = bytearray(path.read_bytes())
    content[60:80] = b'x' * 20
    path.write_bytes(content)
    with refused('is damaged'):
        Source(path).read('a/b.txt')


def test_compressed_tar(tmp_path):
    (tmp_path / 'a.tgz').write_bytes(b'')
    with refused('tar xf a.tgz'):
        Source(tmp_path / 'a.tgz')


def test_another_file_as_source(tmp_path):
    (tmp_path / 'a.rar').write_bytes(b'')
    with refused('neither a folder nor'):
        Source(tmp_path / 'a.rar')


def test_full_ade_given_for_the_150_classes(tmp_path):
    with refused('full ADE20K.*ade20k-full'):
        ade20k.plan(source_of(tmp_path, downloads.ade20k_full()))


def test_150_classes_given_for_full_ade(tmp_path):
    with refused('150-class edition: use ade20k'):
        ade20k_full.plan(source_of(tmp_path, downloads.ade20k()))


def test_missing_pair(tmp_path):
    files = downloads.ade20k()
    del files['ADEChallengeData2016/annotations/training/ADE_train_00000001.png']
    with refused('have a picture but no mask, among them ADE_train_00000001'):
        ade20k.plan(source_of(tmp_path, files))


def test_swapped_folders(tmp_path):
    files = {
        name.replace('images', 'x').replace('annotations', 'images').replace('x', 'annotations'): v
        for name, v in downloads.ade20k().items()
    }
    with refused('no pictures of training found'):
        ade20k.plan(source_of(tmp_path, files))


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        (downloads.encoded(np.zeros((4, 4, 3), np.uint8)), 'mode RGB, expected one channel'),
        (downloads.encoded(np.full((4, 4), 200, np.uint8)), 'label id 200.*0..150'),
        (downloads.encoded(NOISE)[:2000], 'damaged or of another edition'),
        (b'', 'damaged or of another edition'),
    ],
)
def test_wrong_mask_is_named(tmp_path, mask, message):
    files = downloads.ade20k()
    files['ADEChallengeData2016/annotations/training/ADE_train_00000001.png'] = mask
    source = source_of(tmp_path, files)
    with refused(f'ADE_train_00000001.png: .*{message}'):
        run(ade20k.plan(source), source, tmp_path / 'out')
    assert not manifest.is_complete(tmp_path / 'out')


def test_164k_given_for_10k(tmp_path):
    files = {f'annotations/{i}.png': b'' for i in range(2)} | {'images/1.jpg': b''}
    with refused('coco-stuff164k'):
        coco_stuff.plan_10k(source_of(tmp_path, files))


def test_empty_list(tmp_path):
    files = downloads.coco_stuff10k() | {'imageLists/test.txt': b'\n'}
    with refused('imageLists/test.txt: the list is empty'):
        coco_stuff.plan_10k(source_of(tmp_path, files))


def test_list_that_names_more_than_there_is(tmp_path):
    files = downloads.coco_stuff10k()
    del files['annotations/COCO_train2014_000000000001.mat']
    with refused('1 have no annotation, among them COCO_train2014_000000000001'):
        coco_stuff.plan_10k(source_of(tmp_path, files))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (downloads.matlab(T=np.zeros((4, 4))), 'no label map `S`'),
        (downloads.matlab(S=np.full((4, 4), 12)), 'label id 12, which this edition does not have'),
        (downloads.matlab(S=np.zeros((90, 90)))[:300], 'damaged'),
        (b'not a mat file', 'damaged'),
    ],
)
def test_wrong_matlab_file(content, message):
    with refused(message):
        coco_stuff.convert_matlab(content)


def test_converted_masks_given_as_raw(tmp_path):
    files = downloads.coco_stuff164k()
    name = 'stuffthingmaps_trainval2017/train2017/000000000000.png'
    files[name] = downloads.encoded(downloads.ids([0, 11, 12]))  # 11 is used, raw id 11 is not
    source = source_of(tmp_path, files)
    with refused('label id 11, which this edition does not have'):
        run(coco_stuff.plan_164k(source), source, tmp_path / 'out')


def test_voc_without_sbd(tmp_path):
    files = {k: v for k, v in downloads.voc().items() if 'benchmark' not in k}
    with refused('without SBD'):
        voc.plan_voc(source_of(tmp_path, files))


def test_cityscapes_without_masks(tmp_path):
    files = {k: v for k, v in downloads.cityscapes().items() if 'gtFine' not in k}
    with refused('no masks of train found'):
        cityscapes.plan(source_of(tmp_path, files))


@pytest.mark.parametrize(
    ('text', 'message'),
    [('', 'empty'), ('a\nb\na\n', "'a' comes twice"), (None, 'no such names file')],
)
def test_wrong_names_file(tmp_path, text, message):
    path = tmp_path / 'names.txt'
    if text is not None:
        path.write_text(text)
    with refused(message):
        read_names(path, f'--names {path}')


def test_folder_too_small_for_a_validation_split(tmp_path):
    source = source_of(tmp_path, downloads.folder())
    ids = Ids(('a', 'b', 'c'))
    with refused('4 pictures, so that none would be for validation.*--validation-every 3'):
        own_folder.plan(source, Asked('pictures', 'labels', every=5), ids)
    assert own_folder.plan(source, Asked('pictures', 'labels', every=3), ids).jobs


@pytest.mark.parametrize(
    ('folders', 'message'),
    [
        (('images', 'labels'), "no pictures .* in a folder 'images'; .* with --images.*pictures"),
        (('pictures', 'masks'), "no masks .* in a folder 'masks'; .* with --masks.*labels"),
    ],
)
def test_folders_of_other_names(tmp_path, folders, message):
    with refused(message):
        own_folder.plan(source_of(tmp_path, downloads.folder()), Asked(*folders), Ids(('a',)))


def test_one_picture_in_two_formats(tmp_path):
    files = downloads.folder() | {'pictures/0.png': b''}
    with refused('pictures/0.jpg and pictures/0.png are one picture in two formats'):
        own_folder.plan(source_of(tmp_path, files), Asked('pictures', 'labels'), Ids(('a',)))


@pytest.mark.parametrize('place', ['', 'out', 'a/../out/deep'])
def test_target_inside_the_source(tmp_path, place):
    source_of(tmp_path, downloads.ade20k())
    before = sorted(tmp_path.rglob('*'))
    arguments = SimpleNamespace(
        **SOURCE, source=tmp_path / 'source', out=tmp_path / 'source' / place, workers=None
    )
    with refused('lies in --source'):
        commands.run(arguments)
    assert sorted(tmp_path.rglob('*')) == before


def test_no_workers(tmp_path):
    source_of(tmp_path, downloads.ade20k())
    arguments = SimpleNamespace(
        **SOURCE, source=tmp_path / 'source', out=tmp_path / 'out', workers=0
    )
    with refused('--workers must be at least 1, got 0'):
        commands.run(arguments)


def test_ids_that_count_from_1():
    mask = downloads.encoded(downloads.ids([0, 1, 2, 3]))
    with refused('label id 3, but there are 3 names .0..2.; .* --first-id 1'):
        convert_mask(mask, Ids(('a', 'b', 'c')))
    assert convert_mask(mask, Ids(('a', 'b', 'c'), 1))


def test_255_is_a_class_where_there_are_as_many():
    mask = downloads.encoded(np.full((4, 4), 255, np.uint8))

    def names(count: int) -> Ids:
        return Ids(tuple(f'class {i}' for i in range(count)))

    few = np.array(Image.open(io.BytesIO(convert_mask(mask, names(10)))))
    many = np.array(Image.open(io.BytesIO(convert_mask(mask, names(300)))))
    assert few.max() == 65535
    assert many.max() == 255


def test_derived_classes_other_than_847(tmp_path):
    with refused('4 object classes.*expected 847.*--table'):
        ade20k_full.plan(source_of(tmp_path, downloads.ade20k_full()))


def index_of(files: dict[str, bytes]) -> tuple[str, dict]:
    name = 'ADE20K_2021_17_01/index_ade20k.pkl'
    return name, pickle.loads(files[name])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda index: index.pop('objectIsPart'), "no 'objectIsPart'"),
        (lambda index: index.update(objectPresence=np.zeros((2, 2))), 'shape .2, 2., expected'),
        (lambda index: index['folder'].pop(), '5 file names, 4 folders'),
        (lambda index: index['filename'].__setitem__(0, 'other.jpg'), '1 of 5 pictures'),
    ],
)
def test_wrong_index(tmp_path, change, message):
    files = downloads.ade20k_full()
    name, index = index_of(files)
    change(index)
    files[name] = pickle.dumps(index)
    with refused(message):
        ade20k_full.plan(source_of(tmp_path, files), expected=4)


def test_index_whose_ids_count_otherwise(tmp_path):
    files = downloads.ade20k_full()
    name, index = index_of(files)
    index['objectPresence'] = np.roll(index['objectPresence'], 3, axis=0)
    files[name] = pickle.dumps(index)
    with refused('do not count from 1'):
        ade20k_full.plan(source_of(tmp_path, files), [Category(1, 'wall')])


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.tsv', 'wall\t1\n', 'not a table of classes'),
        ('a.json', '{"a": 1}', 'not a table of classes'),
        ('a.py', 'x = 1', 'no list of dicts'),
        ('a.tsv', '1\twall\n1\tsky\n', 'id 1 twice'),
        ('a.tsv', '', 'it is empty'),
    ],
)
def test_wrong_table(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with refused(message):
        read_table(tmp_path / name)


def test_prompt_names_are_different():
    names = ['screen', 'screen, crt screen', 'screen, crt screen, tube', 'bag, sack', 'bag, sack']
    table = [Category(i, name) for i, name in enumerate(names)]
    short = prompt_names(table)
    assert short == ['screen', 'crt screen', 'tube', 'bag', 'sack']
    assert len(set(prompt_names([*table, Category(9, 'bag, sack')]))) == 6


@pytest.mark.parametrize('target', ['../x', '/tmp/x', 'a/../../x', 'a\\..\\x', ''])
def test_target_outside_the_folder(tmp_path, target):
    source = source_of(tmp_path, {'a': b'1'})
    with refused('leads out of'):
        run(Plan([Job(target, 'a')], {}), source, tmp_path / 'out')
    assert not (tmp_path / 'x').exists()


def test_link_that_leads_outside(tmp_path):
    source = source_of(tmp_path, {'a': b'1'})
    (tmp_path / 'out').mkdir()
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'out' / 'images').symlink_to(tmp_path / 'elsewhere')
    with refused('leads out of'):
        run(Plan([Job('images/a', 'a')], {}), source, tmp_path / 'out')
    assert not list((tmp_path / 'elsewhere').iterdir())


def test_two_files_with_one_target(tmp_path):
    source = source_of(tmp_path, {'a': b'1', 'b': b'2'})
    with refused('two files would become the same'):
        run(Plan([Job('x', 'a'), Job('x', 'b')], {}), source, tmp_path / 'out')


def test_other_settings_than_before(tmp_path):
    source = source_of(tmp_path, {'a': b'1'})
    run(Plan([Job('x', 'a')], dict(dataset='folder', first_id=0)), source, tmp_path / 'out')
    with refused('was prepared with first_id=0, now it is 1'):
        run(Plan([Job('x', 'a')], dict(dataset='folder', first_id=1)), source, tmp_path / 'out')


def test_a_file_where_the_folder_should_be(tmp_path):
    source = source_of(tmp_path, {'a': b'1'})
    (tmp_path / 'out').write_text('')
    with refused('a file stands where a folder is needed'):
        run(Plan([Job('x', 'a')], {}), source, tmp_path / 'out')


@pytest.mark.parametrize(
    ('number', 'message'),
    [
        (errno.ENOSPC, 'the disk is full; make room and run the command again'),
        (errno.EACCES, 'cannot be written; choose another --out'),
        (errno.EROFS, 'cannot be written; choose another --out'),
    ],
)
def test_target_that_cannot_be_written(tmp_path, monkeypatch, number, message):
    source = source_of(tmp_path, {'a': b'1', 'b': b'2'})
    plain = os.replace

    def fails(old: Path, new: Path) -> None:
        if Path(new).name == 'y':
            raise OSError(number, os.strerror(number), str(new))
        plain(old, new)

    monkeypatch.setattr(os, 'replace', fails)
    plan = Plan([Job('x', 'a'), Job('y', 'b')], {})
    with refused(f'y: .*{message}'):
        run(plan, source, tmp_path / 'out')
    # Nothing half written stays, and the next run ends what this one began.
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'x', 'prepared.json'}
    monkeypatch.setattr(os, 'replace', plain)
    run(plan, source, tmp_path / 'out')
    assert json.loads((tmp_path / 'out/prepared.json').read_text())['complete']
