"""A cv2 that cannot be loaded is one message with the fix, before anything heavy is imported."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NO_LIBRARY = "raise ImportError('libGL.so.1: cannot open shared object file: No such file')"
FIX = (
    f'{sys.executable} -m pip uninstall -y opencv-python opencv-python-headless && '
    f'{sys.executable} -m pip install opencv-python-headless'
)
ARGUMENTS = {
    'ablate': ['STUDY'],
    'check_reference': ['FILE'],
    'choose_names': ['CONFIG', 'RUN', '--out', 'OUT'],
    'colour_position_baseline': [],
    'complexity': ['CONFIG'],
    'import_denseclip': ['CONFIG', 'FILE', 'OUT'],
    'list_clips': [],
    'make_pseudo_masks': ['RUN', '--out', 'OUT'],
    'prepare_data': ['voc', '--source', 'A', '--out', 'B'],
    'pretrain_clip': [],
    'publish': ['RUN', '--out', 'OUT'],
    'report': ['RUN'],
    'reproduce': ['RUN'],
    'test': ['CONFIG', 'CHECKPOINT'],
    'train': ['CONFIG'],
    'verify_data': ['CONFIG'],
    'weakly': ['PLAN'],
}


def python(
    folder: Path, source: str, *words: str, version: str = ''
) -> subprocess.CompletedProcess:
    """Runs Python with a made-up cv2, and without the packages that are heavy to import."""
    modules = {'cv2/__init__': source, 'cv2/version': version}
    modules |= dict.fromkeys(('mmengine', 'mmcv'), "raise SystemExit('too late')")
    modules['torch'] = 'def set_num_threads(count): ...'  # which pretrain_clip does first
    for name, text in modules.items():
        path = (folder / name).with_suffix('.py')
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, 'PYTHONPATH': f'{folder}:{ROOT}'},
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_every_tool_is_tried():
    tools = {path.stem for path in (ROOT / 'tools').glob('*.py')}
    assert set(ARGUMENTS) == tools


@pytest.mark.parametrize('tool', ARGUMENTS)
def test_a_tool_says_how_to_put_it_right(tmp_path: Path, tool: str):
    ran = python(tmp_path, NO_LIBRARY, str(ROOT / f'tools/{tool}.py'), *ARGUMENTS[tool])
    assert (ran.returncode, ran.stdout) == (2, '')
    (line,) = ran.stderr.splitlines()
    assert line.startswith('error: cv2 cannot be loaded (libGL.so.1: cannot open shared object')
    assert line.endswith(FIX)


@pytest.mark.parametrize('source', [NO_LIBRARY, '', "raise AttributeError('no dnn')"])
def test_importing_icpc_says_it_too(tmp_path: Path, source: str):
    """A missing library; what is left of an uninstalled cv2; two distributions in one folder."""
    ran = python(tmp_path, source, '-c', 'import icpc')
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith('ImportError: cv2 cannot be loaded (')
    assert ran.stderr.rstrip().endswith(FIX)


@pytest.mark.parametrize(
    ('source', 'version', 'last_line'),
    [
        ('import not_there', '', "ModuleNotFoundError: No module named 'not_there'"),
        # What the headless cv2 lacks is not brought by installing it once more.
        (NO_LIBRARY, 'headless = True', NO_LIBRARY[6:].replace("('", ': ').rstrip("')")),
    ],
)
def test_other_failures_are_shown_as_they_are(
    tmp_path: Path, source: str, version: str, last_line: str
):
    ran = python(tmp_path, source, '-c', 'import icpc', version=version)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == last_line


def test_setup_installs_the_version_of_the_constraints_without_windows():
    constraints = (ROOT / 'constraints.txt').read_text()
    stand_in = (ROOT / 'tools/opencv-headless/pyproject.toml').read_text()
    versions = re.findall(r'^opencv-python(?:-headless)?==(\S+)$', constraints, flags=re.MULTILINE)
    versions += re.findall(r'^version = "(.*)"$', stand_in, flags=re.MULTILINE)
    versions += re.findall(r'"opencv-python-headless==(.*)"', stand_in)
    assert len(versions) == 4
    assert len(set(versions)) == 1
    assert 'name = "opencv-python"' in stand_in
    assert "./tools/opencv-headless -e '.[test]'" in (ROOT / 'Makefile').read_text()
