"""Names files as people write them, on whatever system."""

import pytest

from icpc.errors import UserError
from icpc.names_file import read_names

NAMES = ['wall', 'traffic light', 'Straße', 'curb [low]']
TEXT = '\n'.join(NAMES) + '\n'


@pytest.mark.parametrize(
    'data',
    [
        TEXT.encode(),
        TEXT.encode('utf-8-sig'),
        TEXT.replace('\n', '\r\n').encode(),
        TEXT.replace('\n', '\r').encode(),
        TEXT.encode('utf-16'),
        TEXT.replace('\n', '\r\n').encode('utf-16'),
        b'\xfe\xff' + TEXT.encode('utf-16-be'),
        TEXT.rstrip().encode(),
        f'\n\n{TEXT}\n  \n'.encode(),
        f'# my classes\n{TEXT}# the end\n'.encode(),
        TEXT.replace('wall', '  wall\t ').encode(),
    ],
    ids=[
        *('utf-8', 'bom', 'crlf', 'cr', 'utf-16', 'utf-16 crlf', 'utf-16-be', 'no last newline'),
        *('blank lines', 'comments', 'outer spaces'),
    ],
)
def test_names_are_read(tmp_path, data):
    (tmp_path / 'classes.txt').write_bytes(data)
    assert read_names(tmp_path / 'classes.txt', 'x') == NAMES


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (TEXT.encode('latin1'), 'KEY: line 3 is not in UTF-8; .*iconv -f latin1'),
        (TEXT.encode('utf-16-le'), 'KEY: not a text file'),  # without its mark
        (b'\x89PNG\r\n\x1a\n', 'KEY: line 1 is not in UTF-8'),
        (b'', 'KEY: it is empty'),
        (b'# only\n', 'KEY: it is empty'),
        (b'a\n${lr}\n', r"KEY: '\$\{lr\}' holds"),
        (b'a\n\x1b[31mb\n', r"KEY: '\\x1b\[31mb' holds a control character"),
        (b'a\nb\na \n', "KEY: 'a' comes twice"),
    ],
)
def test_what_is_no_names_file_is_one_message(tmp_path, data, message):
    (tmp_path / 'classes.txt').write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_names(tmp_path / 'classes.txt', 'KEY')
