"""What a folder of pictures and masks is, and the config of a data set for it."""

from collections import Counter
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...datasets.checks.folder_files import PICTURES, files_below
from ...datasets.folder import NAMES_FILE
from ...datasets.manifest import dataset_in
from ...errors import UserError, did_you_mean
from ...names_file import read_names
from ...startup.packaged import configs_folder
from ...startup.program import typed

_OWN, _OWN_NAMES = ('images', 'masks'), 'names.txt'  # as docs/data.md begins
_FOLDER = 'folder'
_IGNORED = 255  # of masks with fewer classes, as tools/prepare_data.py takes them


def data_config(
    folder: Path, dataset: str | None, split: str, names: list[str] | None
) -> tuple[dict[str, Any], str]:
    """The variables and the test loader of a data set's config, with its own place.

    Args:
        folder: The data set: a prepared one, or `images`, `masks` and `names.txt`.
        dataset: Its name, such as `ade20k`; None for what the folder says.
        split: `test` or `val`.
        names: What the ids of the masks mean where no names file is there.

    Returns:
        Top-level keys of a config, `${...}` not resolved; and what was recognised, in words.

    Raises:
        UserError: No such folder, or none of what is known.
    """
    if not folder.is_dir():
        raise UserError(f'--data {folder}: no such folder')
    bases = configs_folder() / '_base_' / 'datasets'
    known = sorted(path.stem.replace('_', '-') for path in bases.glob('*.py'))
    if dataset is not None and dataset.replace('_', '-') not in known:
        hint = did_you_mean(dataset, known)
        raise UserError(f'--dataset {dataset}: known are {", ".join(known)}{hint}')
    own = dataset is None and all((folder / name).is_dir() for name in _OWN)
    found = dataset or (_FOLDER if own else _recognised(folder))
    base = bases / f'{found.replace("-", "_")}.py'
    if not base.is_file():
        raise UserError(f'--data {folder}: prepared as {found!r}, which this version does not know')
    tree = Config.fromfile(str(base)).to_dict()
    loader = _loader(tree, split)
    tree['data_root'] = str(folder)
    if found == _FOLDER:
        loader['dataset']['data_prefix'] = prefix = (
            dict(img_path=_OWN[0], seg_map_path=_OWN[1]) if own else _prepared(folder, split)
        )
        tree['picture_suffix'] = _suffix(folder / prefix['img_path'])
        file = _OWN_NAMES if own else NAMES_FILE
        if (folder / file).is_file():
            tree['all_classes'] = read_names(folder / file, str(folder / file))
        elif names is not None:
            tree['all_classes'] = list(names)
        else:
            raise UserError(
                f'{folder / file}: no such names file (one class name a line: ids 0, 1, 2, ... in '
                'the masks); write it, or give the names by --classes FILE'
            )
        if own and len(tree['all_classes']) <= _IGNORED:
            tree['ignore_index'] = _IGNORED
    tree['test_dataloader'] = loader
    for key in ('train_dataloader', 'val_dataloader', 'val_evaluator'):
        tree[key] = None
    place = (loader['dataset'].get('data_prefix') or {}).get('img_path', '')
    return tree, f'{folder} ({"as it is" if own else found}, pictures of {place}/)'


def _recognised(folder: Path) -> str:
    found = dataset_in(folder)
    if found is not None:
        return found
    if (folder / NAMES_FILE).is_file() and (folder / 'annotations').is_dir():
        return _FOLDER
    there = ', '.join(sorted(path.name for path in folder.iterdir())[:8]) or 'nothing'
    raise UserError(
        f'--data {folder}: neither a prepared data set nor images/, masks/ and {_OWN_NAMES}; it '
        f'holds {there}. Prepare it: {typed("prepare-data", "folder --source ... --out ...")}, or '
        'say what it is by --dataset, such as ade20k'
    )


def _loader(tree: dict[str, Any], split: str) -> dict[str, Any]:
    loader = tree[f'{split}_dataloader']
    return tree['val_dataloader'] if isinstance(loader, str) else loader


def _prepared(folder: Path, split: str) -> dict[str, str]:
    """The folders of a split; validation where there is none for the test."""
    wanted = ('test', 'validation') if split == 'test' else ('validation',)
    name = next((name for name in wanted if (folder / 'images' / name).is_dir()), wanted[-1])
    return dict(img_path=f'images/{name}', seg_map_path=f'annotations/{name}')


def _suffix(folder: Path) -> str:
    """That of most pictures; the check of the data names the others."""
    names = files_below(folder) if folder.is_dir() else ()
    found = Counter(Path(name).suffix for name in names if name.lower().endswith(PICTURES))
    return found.most_common(1)[0][0] if found else '.jpg'
