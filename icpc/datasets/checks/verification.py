"""Says what is wrong with a dataset on disk before anything heavy starts."""

import codecs
import inspect
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import DATASETS

from ...console.messages import say
from ...errors import UserError
from ...names_file import read_lines
from ...startup.program import name_of
from ..preparation import how_to_prepare
from .folder_files import files_below, other_suffixes
from .listed_pictures import IN_TRAINING, check_indices, of_both, trains_on_masks

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')

_FULL_ADE = 'ADE20K_2021_17_01'
_LISTED = 8  # names shown of a folder


def check_data(cfg: Config, loaders: Iterable[str] = LOADERS) -> None:
    """Check the layout of the datasets that a run will read.

    Args:
        cfg: A finished config.
        loaders: Names of its loaders.

    Raises:
        UserError: It names the folder that is missing or empty, or pictures that train and
            validate.
    """
    datasets = {name: cfg[name].dataset for name in loaders if cfg.get(name)}
    for name, dataset in datasets.items():
        for remark in verify_layout(dataset):
            say(f'{name}: {remark}')
    training = datasets.pop('train_dataloader', None)
    apart = training and trains_on_masks(training.get('data_prefix'))
    for name, dataset in datasets.items() if apart else ():
        shared = of_both(training, dataset)
        if shared:
            raise UserError(
                f'{name}: {len(shared)} {IN_TRAINING}, among them {_some(shared)}; give the split '
                f'pictures of its own (data_prefix or ann_file); {name_of("test")} measures on any'
            )


def verify_layout(dataset: dict[str, Any]) -> list[str]:
    """Raise unless the folders of a dataset exist, hold pictures and masks, and fit each other.

    Args:
        dataset: The dataset's config: `type`, `data_root`, `data_prefix`, optional suffixes.

    Raises:
        UserError: Says what was expected, what was found, and what prepares the data.

    Returns:
        What is worth saying and stops nothing.
    """
    remarks = _verify_files(dataset)
    check_indices(dataset)
    return remarks


def _verify_files(dataset: dict[str, Any]) -> list[str]:
    prefix = dataset.get('data_prefix') or {}
    if 'img_path' not in prefix:
        return []
    root = Path(dataset.get('data_root') or '')
    if dataset.get('ann_file'):
        _check_listed(dataset, root, prefix)
        return []
    images, masks = root / prefix['img_path'], prefix.get('seg_map_path')
    image_suffix, mask_suffix = (
        _suffix(dataset, name) for name in ('img_suffix', 'seg_map_suffix')
    )
    _recognise_full_ade(root, dataset)
    found = _files(images, image_suffix, dataset, root)
    with_mask = None if masks is None else _files(root / masks, mask_suffix, dataset, root)
    if masks is not None:
        _check_pairs(found, with_mask, images, root / masks, dataset, root)
    lonely = (with_mask or set()) - found
    left = other_suffixes(files_below(images), image_suffix, lonely)
    if left:
        raise UserError(
            f'{images}: {len(left)} pictures do not end in {image_suffix}, which is img_suffix, so '
            f'that they would be left out, among them {_some(left)}; give all pictures one suffix '
            f'({name_of("prepare-data")} folder does)'
        )
    if not lonely:
        return []
    return [f'{len(lonely)} masks have no picture and are left out: {_some(lonely)}']


def _check_listed(dataset: dict[str, Any], root: Path, prefix: dict[str, str]) -> None:
    """The list of names exists, is not empty, and each name has its files."""
    path = root / dataset['ann_file']
    if not path.is_file():
        raise UserError(f'{path}: no such list of names.{how_to_prepare(dataset, root)}')
    names = _names_in(path)
    if not any(names):
        raise UserError(f'{path}: the list is empty.{how_to_prepare(dataset, root)}')
    if '' in names:
        raise UserError(
            f'{path}: line {names.index("") + 1} is blank, which MMSegmentation takes for a '
            'picture without a name; remove it'
        )
    for folder, suffix in (('img_path', 'img_suffix'), ('seg_map_path', 'seg_map_suffix')):
        if folder not in prefix:
            continue
        there = _files(root / prefix[folder], _suffix(dataset, suffix), dataset, root)
        lost = sorted(set(names) - there)
        if lost:
            raise UserError(
                f'{len(lost)} of {len(names)} names in {path} have no file in '
                f'{root / prefix[folder]}, among them {_some(lost)}.'
                f'{how_to_prepare(dataset, root)}'
            )


def _names_in(path: Path) -> list[str]:
    """The names in a list as MMSegmentation reads it: UTF-8 alone, a line each, blank ones too."""
    if path.read_bytes().startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(
            f'{path}: begins with a byte order mark, which MMSegmentation takes for a part of the '
            'first name; save it as UTF-8 without one'
        )
    lines = read_lines(path, str(path))
    return [line.strip() for line in (lines[:-1] if lines[-1] == '' else lines)]


def _suffix(dataset: dict[str, Any], name: str) -> str:
    """The ending of a data set's pictures or masks, as the class itself has it once it is built."""
    if name in dataset:
        return dataset[name]
    with suppress(Exception):  # what is wrong with it is said when it is built in earnest
        built = DATASETS.build({**dataset, 'lazy_init': True, 'pipeline': []})
        if isinstance(getattr(built, name, None), str):
            return getattr(built, name)
    for cls in DATASETS.get(dataset['type']).__mro__:
        parameter = inspect.signature(cls.__init__).parameters.get(name)
        if parameter is not None:
            return parameter.default
    return ''


def _files(folder: Path, suffix: str, dataset: dict[str, Any], root: Path) -> set[str]:
    """Names without suffix of the files in a folder that must not be missing or empty."""
    if not folder.is_dir():
        parent = next((p for p in folder.parents if p.is_dir()), Path('.'))
        raise UserError(
            f'{folder}: no such folder (expected files *{suffix}). '
            f'{parent}/ holds: {_listing(parent)}.{how_to_prepare(dataset, root)}'
        )
    names = {name[: -len(suffix)] for name in files_below(folder) if name.endswith(suffix)}
    if not names:
        raise UserError(
            f'{folder}: no file *{suffix} in it. It holds: {_listing(folder)}.'
            f'{how_to_prepare(dataset, root)}'
        )
    return names


def _check_pairs(
    images: set[str],
    masks: set[str],
    image_folder: Path,
    mask_folder: Path,
    dataset: dict[str, Any],
    root: Path,
) -> None:
    lonely = sorted(images - masks)
    if not lonely:
        return
    if len(lonely) == len(images):
        raise UserError(
            f'no image in {image_folder} has a mask in {mask_folder}: images are called '
            f'{_some(images)}, masks {_some(masks)}. Are two folders swapped?'
            f'{how_to_prepare(dataset, root)}'
        )
    raise UserError(
        f'{len(lonely)} of {len(images)} images in {image_folder} have no mask in {mask_folder}, '
        f'among them {_some(lonely)}.{how_to_prepare(dataset, root)}'
    )


def _recognise_full_ade(root: Path, dataset: dict[str, Any]) -> None:
    if dataset.get('type') != 'ADE20KDataset' or not root.is_dir():
        return
    full = (
        _FULL_ADE in root.parts or (root / _FULL_ADE).is_dir() or (root / 'images' / 'ADE').is_dir()
    )
    for path in root.rglob('*') if not full else ():
        if path.name.endswith('_seg.png'):
            full = True
            break
        if path.suffix in ('.jpg', '.png'):
            break
    if full:
        raise UserError(
            f'{root} is the full ADE20K (RGB masks *_seg.png, thousands of classes); this config '
            f'wants the 150-class edition, ADEChallengeData2016.{how_to_prepare(dataset, root)}'
        )


def _listing(folder: Path) -> str:
    return (
        _some(path.name for path in folder.iterdir() if not path.name.startswith('.')) or 'nothing'
    )


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ', '.join(names[:_LISTED]) + (
        f', ... ({len(names)} in all)' if len(names) > _LISTED else ''
    )
