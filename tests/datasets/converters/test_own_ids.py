"""Ids of a person's masks: what becomes class, void or a question, a row an input."""

import io

import downloads
import numpy as np
import pytest
from PIL import Image

from icpc.datasets.converters.own.own_ids import Ids, convert_mask, look_at
from icpc.datasets.converters.sources import Source
from icpc.errors import UserError

ABC = ('a', 'b', 'c')
V = 65535


def mask(*ids: int, dtype: type = np.uint8) -> bytes:
    return downloads.encoded(np.array([ids], dtype=dtype))


@pytest.mark.parametrize(
    ('ids', 'labels', 'expected'),
    [
        (Ids(ABC), [0, 1, 2], [0, 1, 2]),
        (Ids(ABC), [0, 2, 255], [0, 2, V]),  # void as 255
        (Ids(ABC, ignore_ids=(3,)), [0, 2, 3], [0, 2, V]),  # void as the last id
        (Ids(ABC, 1), [0, 1, 3], [V, 0, 2]),  # void as 0
        (Ids(ABC, 1, (4,)), [0, 1, 4, 255], [V, 0, V, V]),
        (Ids(ABC, 1, (0,)), [0, 1, 3], [V, 0, 2]),  # said twice
        (Ids(ABC, ignore_ids=(7, 9)), [2, 7, 9], [2, V, V]),
        (Ids(('a', 'b'), class_ids=(0, 255)), [0, 255], [0, 1]),
        (Ids(('a', 'b'), class_ids=(255, 0), ignore_ids=(128,)), [0, 128, 255], [1, V, 0]),
        (Ids(('a', 'b'), ignore_ids=(255,)), [0, 1, 255], [0, 1, V]),
    ],
)
def test_ids(ids, labels, expected):
    found = np.array(Image.open(io.BytesIO(convert_mask(mask(*labels), ids))))
    assert found[0].tolist() == expected


def test_ids_of_16_bits():
    ids = Ids(('a', 'b'), class_ids=(1000, 3), ignore_ids=(65535,))
    converted = convert_mask(mask(3, 1000, 65535, dtype=np.uint16), ids)
    assert np.array(Image.open(io.BytesIO(converted)))[0].tolist() == [1, 0, V]


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (dict(ignore_ids=(1,)), "--ignore-id 1: that is the id of the class 'b'.*--class-ids"),
        (dict(ignore_ids=(0,)), "--ignore-id 0: .* 'a'.*--first-id 1 where they count from 1"),
        (dict(class_ids=(0, 1)), '--class-ids has 2 ids, --names 3 names'),
        (dict(class_ids=(0, 1, 1)), '--class-ids: an id comes twice'),
        (dict(class_ids=(1, 2, 3), first_id=1), 'not both'),
        (dict(class_ids=(1, 2, -3)), '--class-ids: ids of masks are 0..65535'),
        (dict(first_id=-1), '--first-id: ids of masks are 0..65535'),
        (dict(ignore_ids=(70000,)), '--ignore-id: ids of masks are 0..65535'),
    ],
)
def test_options_that_do_not_fit(values, message):
    with pytest.raises(UserError, match=message):
        Ids(ABC, **values)


def look(tmp_path, ids: Ids, *masks: bytes) -> list[str]:
    files = {f'masks/{i}.png': content for i, content in enumerate(masks)}
    return look_at(Source(downloads.write(tmp_path, files)), sorted(files), ids)


@pytest.mark.parametrize(
    ('ids', 'masks', 'message'),
    [
        # Void comes first: --first-id 1 would shift every class by one.
        (Ids(ABC), [[0, 1], [2, 3]], r'1.png: label id 3,.* 3 names \(0..2\); if that is void .*'
         r"--ignore-id 3; if 0 is void instead .* 1 is 'a', give --first-id 1 \(1 of 2 masks"),
        (Ids(ABC, 1), [[1, 4]], r'0.png: label id 4,.*\(1..3\); .*--ignore-id 4; .*lacks its name'),
        (Ids(ABC), [[0, 7], [9]], r'id 7 \(and 9\).*--ignore-id 7 9; .*--class-ids 0 7 9'),
        (Ids(('a', 'b')), [[0, 128]], '--ignore-id 128; .* --class-ids 0 128'),
        (Ids(('a', 'b'), class_ids=(0, 255)), [[0, 1]], r'id 1,.*2 names \(\(0, 255\)\)'),
        (Ids(('a', 'b')), [[0, 255], [255]], "1?.png: the masks hold 0 and 255 alone.*"
         "the class 'b', give --class-ids 0 255; if it is void, give --ignore-id 255"),
        (Ids(('a', 'b'), 1), [[1, 255]], 'hold 1 and 255 alone.*--class-ids 1 255'),
        (Ids(('a',)), [[0, 255]], 'hold 0 and 255 alone.*two names.*--class-ids 0 255'),
        (Ids(ABC), [[0], [255]], 'hold 0 and 255 alone.*the id of each name'),
    ],
)  # fmt: skip
def test_what_is_asked(tmp_path, ids, masks, message):
    with pytest.raises(UserError, match=message):
        look(tmp_path, ids, *(mask(*row) for row in masks))


@pytest.mark.parametrize(
    ('ids', 'masks', 'notes'),
    [
        (Ids(('a', 'b')), [[0, 1]], []),
        (Ids(('a', 'b')), [[0, 255], [1]], ['void, which is not trained: id 255']),
        (Ids(('a', 'b'), class_ids=(0, 255)), [[0, 255]], []),
        (Ids(('a', 'b'), 0, (255,)), [[0, 255]],
         ['no mask holds the class b', 'void, which is not trained: id 255']),
        (Ids(ABC, 1), [[0, 1, 2]],
         ['no mask holds the class c', 'void, which is not trained: id 0']),
    ],
)  # fmt: skip
def test_what_is_said(tmp_path, ids, masks, notes):
    assert look(tmp_path, ids, *(mask(*row) for row in masks)) == notes


def test_a_mask_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match='masks/1.png: cannot be read'):
        look(tmp_path, Ids(ABC), mask(0), b'no picture')
