"""The wheel holds all that the commands need outside the repository."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_is_whole(tmp_path):
    pytest.importorskip('setuptools')
    source = tmp_path / 'source'
    source.mkdir()
    for name in ('icpc', 'configs', 'tools'):
        (source / name).symlink_to(ROOT / name)
    for name in ('pyproject.toml', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE'):
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, '-c', 'import setuptools.build_meta as b; b.build_wheel("..")']
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob('*.whl')
    held = {name: zipfile.ZipFile(wheel).read(name) for name in zipfile.ZipFile(wheel).namelist()}
    expected = {
        f'icpc/{path.relative_to(ROOT)}': path
        for path in (*ROOT.glob('configs/**/*.py'), *ROOT.glob('tools/*.py'))
    }
    expected |= {
        str(path.relative_to(ROOT)): path
        for path in (ROOT / 'icpc').rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
    assert len(expected) > 300
    assert {name for name in expected if held.get(name) != expected[name].read_bytes()} == set()
    (entry,) = (text for name, text in held.items() if name.endswith('entry_points.txt'))
    assert b'icpc = icpc.cli.main:main' in entry
