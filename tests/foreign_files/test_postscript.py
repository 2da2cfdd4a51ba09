"""Pictures and masks that are PostScript are not run."""

import io
import os

import pytest
from PIL import Image

from icpc.datasets.mask_reading import decode_labels
from icpc.datasets.picture_reading import UnreadablePicture, decode_picture


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A Ghostscript that notes that it ran."""
    marker = tmp_path / 'ran'
    program = tmp_path / 'gs'
    program.write_text(f'#!/bin/sh\ntouch {marker}\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    monkeypatch.setattr('PIL.EpsImagePlugin.gs_binary', None)
    return marker


@pytest.mark.parametrize('read', [decode_picture, decode_labels])
def test_postscript_is_not_run(ghostscript, read):
    file = io.BytesIO()
    Image.new('L', (8, 8)).save(file, format='EPS')
    with pytest.raises((UnreadablePicture, OSError), match=r'not a picture|cannot identify'):
        read(file.getvalue())
    assert not ghostscript.exists()
