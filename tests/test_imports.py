"""Imports run one way: every import statement under icpc/ is read and held against the order."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import icpc

PACKAGE = Path(icpc.__file__).parent
# 'base' are the modules directly in icpc/, and these. A room may use itself and what is named.
BASE_FOLDERS = {'upsampling', 'memory', 'foreign_files', 'startup', 'tracing'}
_METHOD = {'base', 'clip'}
# From below to above: each of these rooms may use those before it; they know the parts of a model
# by their registry names alone.
_RUN = (
    *('console', 'checkpoints', 'datasets', 'config'),
    *('evaluation', 'ranks', 'run_dir', 'training'),
)
_BESIDE = ('rehearsal', 'references', 'experiments', 'pretraining', 'inference')
MAY_USE = {
    'base': set(),
    'clip': {'base'},
    'prompts': _METHOD,
    'backbones': _METHOD,
    'necks': {'base'},
    'losses': {'base'},
    'heads': {'base'},
    'segmentors': _METHOD,  # the other parts are built by name
    **{room: {'base', *_RUN[:index]} for index, room in enumerate(_RUN)},
    # These make or compare models, so they need CLIP itself, but nothing of a run stands on them.
    'inference': {*_METHOD, *_RUN},
    'pretraining': {*_METHOD, *_RUN},
    'references': {*_METHOD, *_RUN, 'weak', 'weakly'},
    'experiments': {*_METHOD, *_RUN, 'references', 'inference'},
    'rehearsal': {'base', *_RUN},
    'export': {*_METHOD, *_RUN},
    'serving': {*_METHOD, *_RUN, 'inference'},
    'weak': {*_METHOD, *_RUN},  # its data sets and models are parts that the registry gets
    'weakly': {*_METHOD, *_RUN, 'inference', 'weak'},
    'commands': {*_METHOD, *_RUN, *_BESIDE},
    # A command line may begin any work.
    'cli': {*_METHOD, *_RUN, *_BESIDE, 'commands', 'export', 'serving', 'weakly'},
    # It imports whatever has something for the registry.
    'all_parts': {
        *(*_METHOD, *_RUN, 'segmentors'),
        *('prompts', 'backbones', 'necks', 'losses', 'heads', 'weak'),
    },
}
MOST_MODULES = 14  # directly in one folder
# CLIP is known by its own room, and by pre-training, which uses open_clip's loss and tokenizer.
KNOW_OPEN_CLIP = {'clip', 'pretraining'}
# Torch and the standard library only.
PURE = {'structures', 'alignment', 'upsampling', 'errors', 'tracing'}

NO_CODE = PACKAGE / 'assets'  # a published config is read as values
FILES = sorted(
    path
    for path in PACKAGE.rglob('*.py')
    if path != PACKAGE / '__init__.py' and NO_CODE not in path.parents
)


def imported(module: str, source: str, is_package: bool) -> Iterator[str]:
    """Absolute dotted names of all imports of a module, those inside functions too."""
    package = module.split('.') if is_package else module.split('.')[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = '.'.join([*above, *([node.module] if node.module else [])])
            yield from (f'{origin}.{alias.name}' for alias in node.names)


def room_of(module: str) -> str:
    """``icpc.clip.vision.vit`` -> ``clip``, ``icpc.alignment.x`` -> ``base``."""
    first = module.split('.')[1]
    if first in BASE_FOLDERS:
        return 'base'
    return first if (PACKAGE / first).is_dir() or first in MAY_USE else 'base'


def faults(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module imports against the order."""
    room, found = room_of(module), []
    pure = module.split('.')[1] in PURE
    for name in imported(module, source, is_package):
        top = name.split('.')[0]
        if name.startswith('mmcv.ops'):
            found.append(f'{module} imports {name}: mmcv.ops is compiled code')
        if top == 'icpc' and '.' in name:
            other = room_of(name)
            allowed = name.split('.')[1] in PURE if pure else other in {room, *MAY_USE[room]}
            if not allowed:
                found.append(f'{module} ({room}) imports {name} ({other})')
        elif top in ('icpc', 'tools', 'configs', 'tests', 'benchmarks'):
            found.append(f'{module} imports {name}, which stands above it')
        elif top == 'open_clip' and room not in KNOW_OPEN_CLIP:
            found.append(f'{module} ({room}) imports {name}: only icpc.clip knows open_clip')
        elif pure and top not in {'torch', *sys.stdlib_module_names}:
            found.append(f'{module} imports {name}, but is torch only')
    return found


def test_all_files_are_read() -> None:
    names = {str(path.relative_to(PACKAGE)) for path in FILES}
    assert {'structures.py', 'clip/vision/vit.py', 'losses/score_map.py', 'config/load.py'} <= names


def test_every_room_has_its_place() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}
    assert rooms - BASE_FOLDERS <= set(MAY_USE), 'give the new room a place in the order'


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    parts = ('icpc', *path.relative_to(PACKAGE).with_suffix('').parts)
    is_package = parts[-1] == '__init__'
    module = '.'.join(parts[:-1] if is_package else parts)
    assert faults(module, path.read_text(), is_package) == []


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('icpc.clip.vision.vit', 'from ...prompts import StaticPrompter'),
        ('icpc.clip.vision.vit', 'from icpc import prompts'),
        ('icpc.clip.vision.vit', 'import icpc.necks.multi_scale'),
        ('icpc.necks.multi_scale', 'from ..clip.text.vocabulary import tokenize'),
        ('icpc.losses.score_map', 'from .. import heads'),
        ('icpc.prompts.static', 'def late():\n    from ..losses import score_map_loss'),
        ('icpc.segmentors.clip_segmentor', 'from ..necks.multi_scale import MultiScaleAlignment'),
        ('icpc.training.loop', 'from ..segmentors import CLIPSegmentor'),
        ('icpc.training.loop', 'from tools.train import main'),
        ('icpc.training.loop', 'import icpc'),
        ('icpc.datasets.scenes.dataset', 'from ...pretraining.crops import CropSet'),
        ('icpc.evaluation.table', 'import open_clip'),
        ('icpc.prompts.static', 'from open_clip.tokenizer import SimpleTokenizer'),
        ('icpc.necks.multi_scale', 'from mmcv.ops import point_sample'),
        ('icpc.necks.multi_scale', 'from mmcv import ops'),
        ('icpc.alignment', 'import numpy as np'),
        ('icpc.structures', 'from .clip import CLIPViT'),
        ('icpc.upsampling.cells', 'from ..heads import fpn'),
        ('icpc.upsampling.cells', 'from ..files import Replacing'),
    ],
)
def test_a_forbidden_arrow_is_found(module: str, source: str) -> None:
    assert len(faults(module, source)) == 1


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('icpc.clip.vision.vit', 'import open_clip\nfrom ...structures import CLIPFeatures'),
        ('icpc.prompts.static', 'from ..clip.text.vocabulary import tokenize\nfrom .base import x'),
        ('icpc.training.loop', 'from ..datasets.verification import f\nimport mmengine'),
        (
            'icpc.heads.fpn',
            'from ..upsampling import UpsampledLoss\nfrom ..errors import UserError',
        ),
        ('icpc.upsampling.cells', 'from ..alignment import class_area\nfrom .tiles import x'),
        ('icpc.alignment', 'import math\nfrom torch.nn import functional as F'),
    ],
)
def test_an_allowed_arrow_passes(module: str, source: str) -> None:
    assert faults(module, source) == []


def test_relative_imports_of_packages_are_resolved() -> None:
    assert list(imported('icpc.clip', 'from .vit import x\nfrom .. import y', True)) == [
        'icpc.clip.vit.x',
        'icpc.y',
    ]


def test_a_room_has_few_modules_and_each_name_is_one() -> None:
    # One for each command, named as it is typed, as are those of commands that do the work.
    rooms = [path for path in FILES if path.parent.name != 'cli']
    folders = Counter(path.parent for path in rooms)
    assert {folder.name: n for folder, n in folders.items() if n > MOST_MODULES} == {}
    names = Counter(path.stem for path in rooms if path.stem != '__init__')
    assert [name for name, n in names.items() if n > 1] == []
