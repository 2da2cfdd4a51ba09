"""A second preparation: what changed is made anew, what went is removed, the rest is left."""

import io
import json
import shutil
from pathlib import Path

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.datasets import manifest
from icpc.datasets.converters.own import own_folder
from icpc.datasets.converters.own.own_folder import Asked
from icpc.datasets.converters.own.own_ids import Ids
from icpc.datasets.converters.sources import Source
from icpc.datasets.converters.writing import Job, prepare
from icpc.errors import UserError

IDS = Ids(('a', 'b', 'c'))
# By the hashes of the names 2 trains; 0, 1, 3 and 11 are for validation with every=2.
SIZE = (1, 2)
FILES = {f'images/{i}.jpg': downloads.picture(i, SIZE) for i in range(4)} | {
    f'masks/{i}.png': downloads.encoded(np.array([[0, 1]], np.uint8)) for i in range(4)
}


def turned() -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[274] = 6
    Image.open(io.BytesIO(FILES['images/3.jpg'])).save(buffer, 'JPEG', exif=exif)
    return buffer.getvalue()


TURNED = turned()


def again(tmp_path: Path, files: dict[str, bytes], ids: Ids = IDS) -> list[str]:
    """Prepares `out` of exactly these files; what was said."""
    shutil.rmtree(tmp_path / 'source', ignore_errors=True)
    source = Source(downloads.write(tmp_path / 'source', files))
    plan = own_folder.plan(source, Asked(every=2), ids)
    out = tmp_path / 'out'
    list(prepare(source, out, plan.jobs, plan.settings, plan.texts, 1, plan.notes, plan.shown))
    return plan.notes


def state(tmp_path: Path) -> dict[str, int]:
    out = tmp_path / 'out'
    return {
        path.relative_to(out).as_posix(): path.stat().st_mtime_ns
        for path in out.rglob('*.*')
        if path.parent != out
    }


@pytest.mark.parametrize(
    ('lost', 'new', 'changed', 'gone', 'added'),
    [
        ([], {}, set(), set(), set()),
        # A corrected mask and a corrected picture.
        ([], {'masks/2.png': downloads.encoded(np.array([[1, 2]], np.uint8))},
         {'annotations/training/2.png'}, set(), set()),
        ([], {'images/0.jpg': downloads.picture(9, SIZE)},
         {'images/validation/0.jpg'}, set(), set()),
        # One picture less, one more: the others stay where they are.
        (['images/1.jpg', 'masks/1.png'], {}, set(),
         {'images/validation/1.jpg', 'annotations/validation/1.png'}, set()),
        ([], {'images/11.jpg': downloads.picture(11, SIZE), 'masks/11.png': FILES['masks/1.png']},
         set(), set(), {'images/validation/11.jpg', 'annotations/validation/11.png'}),
    ],
)  # fmt: skip
def test_what_a_change_makes_anew(tmp_path, lost, new, changed, gone, added):
    again(tmp_path, FILES)
    before = state(tmp_path)
    said = again(tmp_path, {k: v for k, v in FILES.items() if k not in lost} | new)
    after = state(tmp_path)
    assert {name for name in before if name in after and after[name] != before[name]} == changed
    assert before.keys() - after.keys() == gone
    assert after.keys() - before.keys() == added
    assert any(f'removed {len(gone)} files' in note for note in said) == bool(gone)
    record = json.loads((tmp_path / 'out' / manifest.NAME).read_text())
    assert record['complete'] is True
    assert record['files'].keys() == after.keys()
    assert all(record['files'].values())


def test_the_corrected_mask_has_its_new_ids(tmp_path):
    again(tmp_path, FILES)
    again(tmp_path, FILES | {'masks/2.png': downloads.encoded(np.array([[2, 255]], np.uint8))})
    found = np.array(Image.open(tmp_path / 'out/annotations/training/2.png'))
    assert found.tolist() == [[2, 65535]]


def test_a_changed_split_moves_the_picture(tmp_path):
    def files(three: str) -> dict[str, bytes]:
        place = {0: 'train', 1: 'val', 3: three}
        return {
            name.replace('/', f'/{place[i]}/'): FILES[name]
            for i in place
            for name in (f'images/{i}.jpg', f'masks/{i}.png')
        }

    again(tmp_path, files('val'))
    again(tmp_path, files('train'))
    assert [p.parent.name for p in (tmp_path / 'out/images').rglob('3.jpg')] == ['training']


def test_files_of_others_are_named_and_stay(tmp_path):
    again(tmp_path, FILES)
    foreign = tmp_path / 'out/images/training/mine.jpg'
    foreign.write_bytes(b'x')
    said = again(tmp_path, {k: v for k, v in FILES.items() if '1' not in k})
    assert foreign.read_bytes() == b'x'
    assert [note for note in said if '1 files are not from this' in note and 'mine.jpg' in note]


def test_one_picture_in_two_splits_is_named(tmp_path):
    said = again(tmp_path, FILES | {'images/2.jpg': FILES['images/3.jpg']})
    (note,) = [note for note in said if 'in two splits' in note]
    assert 'images/training/2.jpg = images/validation/3.jpg' in note
    png = io.BytesIO()
    Image.open(io.BytesIO(FILES['images/3.jpg'])).save(png, 'PNG')
    files = {name: content for name, content in FILES.items() if name != 'images/2.jpg'}
    said = again(tmp_path / 'c', files | {'images/2.png': png.getvalue()})
    (note,) = [note for note in said if 'in two splits' in note]
    assert 'images/training/2.png = images/validation/3.png' in note
    assert not [n for n in again(tmp_path / 'b', FILES) if 'in two splits' in n]  # nor equal masks


def test_wrong_masks_write_nothing(tmp_path):
    with pytest.raises(UserError, match='--ignore-id 3'):
        again(tmp_path, FILES | {'masks/3.png': downloads.encoded(np.array([[0, 3]], np.uint8))})
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('files', 'message'),
    [
        ({'images/3.jpg': downloads.picture(3, (3, 2))},
         r'different sizes .* in 1 of 4 pairs; .*: masks/3.png is 1 x 2, its picture .* 3 x 2'),
        ({'images/3.jpg': TURNED}, 'turned by its EXIF orientation, the mask shows it as it is st'),
        ({'images/3.jpg': b''}, 'images/3.jpg: the picture cannot be read: the file is empty'),
        ({'images/3.jpg': FILES['images/3.jpg'][:-9]}, 'images/3.jpg: .* the file is cut'),
    ],
    ids=['size', 'turned', 'empty', 'cut'],
)  # fmt: skip
def test_wrong_pictures_write_nothing(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        again(tmp_path, FILES | files)
    assert not (tmp_path / 'out').exists()


def failing(content: bytes) -> bytes:
    raise UserError('not this one')


@pytest.mark.parametrize(('setting', 'kept'), [(1, True), (2, False)])
def test_after_a_run_that_did_not_end(tmp_path, setting, kept):
    """What was written is kept under the same settings, and made anew under others."""
    source = Source(downloads.write(tmp_path / 'source', {'a': b'1', 'b': b'2'}))
    out = tmp_path / 'out'
    with pytest.raises(UserError, match='b: not this one'):
        list(prepare(source, out, [Job('x', 'a'), Job('y', 'b', failing)], {'s': 1}, workers=1))
    assert not manifest.is_complete(out)
    before = (out / 'x').stat().st_mtime_ns
    list(prepare(source, out, [Job('x', 'a'), Job('y', 'b')], {'s': setting}, workers=1))
    assert ((out / 'x').stat().st_mtime_ns == before) == kept
    assert manifest.is_complete(out)


@pytest.mark.parametrize('text', ['{', '[]', ''])
def test_a_damaged_manifest_is_named(tmp_path, text):
    again(tmp_path, FILES)
    (tmp_path / 'out' / manifest.NAME).write_text(text)
    with pytest.raises(UserError, match=r'prepared.json: damaged.*remove that folder'):
        again(tmp_path, FILES)


def test_a_folder_of_an_older_version_is_made_anew(tmp_path):
    source = Source(downloads.write(tmp_path / 'source', {'a': b'1'}))
    downloads.write(tmp_path / 'out', {'x': b'old', manifest.NAME: b'{"complete": 1, "files": 1}'})
    list(prepare(source, tmp_path / 'out', [Job('x', 'a')], {}, workers=1))
    assert (tmp_path / 'out/x').read_bytes() == b'1'
