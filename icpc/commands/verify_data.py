"""`tools/verify_data.py`: says what is wrong with the data of a config."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmseg.registry import DATASETS
from mmseg.utils import register_all_modules
from rich.table import Table

from ..config.load import load_config
from ..console.messages import say
from ..datasets.checks.inspection import SplitReport, inspect
from ..datasets.checks.label_histogram import histogram_csv, histogram_rows, histogram_table
from ..datasets.checks.listed_pictures import IN_TRAINING, shared_pictures, trains_on_masks
from ..datasets.checks.pair_faults import pair_faults
from ..datasets.checks.verification import verify_layout
from ..datasets.mask_reading import annotation_loader
from ..datasets.picture_reading import picture_loader
from ..errors import UserError, own_fault
from ..evaluation.pictures import class_names, palette_of, save_overlay

_SPLITS = {
    'training': 'train_dataloader',
    'validation': 'val_dataloader',
    'test': 'test_dataloader',
}
_PRINTED_IDS = 60  # more of them are in the file alone


def verify(
    config: str,
    options: list[str] | dict[str, Any] | None = None,
    out: str | None = None,
    sample: int | None = None,
    workers: int | None = None,
) -> list[SplitReport]:
    """Look at every split, print a table, save a histogram and one labelled picture of each.

    Args:
        config: Path of a config.
        options: Overrides, as `--cfg-options`.
        out: Folder of pictures and histogram; by default `work_dirs/<config name>_data`.
        sample: Pictures decoded in each split, evenly spread; None for all. Whatever it is, sizes
            and ids of all pairs are looked at, as a training does before it begins.
        workers: Threads.

    Returns:
        One report a split.

    Raises:
        UserError: After the table, when something is wrong; before it, for no pictures or threads.
    """
    for option, number in (('--sample', sample), ('--workers', workers)):
        if number is not None and number < 1:
            raise UserError(f'{option} must be at least 1, got {number}')
    register_all_modules(init_default_scope=True)
    cfg = load_config(config, options)
    folder = Path(out or f'work_dirs/{Path(config).stem}_data')
    reports, datasets = [], {}
    for name, dataset_cfg in _splits(cfg).items():
        report, dataset = _verify_split(name, dataset_cfg, sample, workers)
        reports.append(report)
        if dataset is not None:
            datasets[name] = dataset
            if report.checked and not report.problems:
                _save_sample(folder / f'{name}.png', dataset)
    _find_shared(reports, datasets)
    _print(reports, folder)
    wrong = sum(len(report.problems) for report in reports)
    if wrong:
        raise UserError(f'{wrong} kind(s) of problems in the data of {config}, listed above')
    return reports


def _splits(cfg: Config) -> dict[str, dict]:
    """Splits of the config; a test split that is the validation split comes once."""
    found: dict[str, dict] = {}
    for name, key in _SPLITS.items():
        if cfg.get(key) is not None and cfg[key]['dataset'] not in found.values():
            found[name] = cfg[key]['dataset']
    return found


def _verify_split(
    name: str, config: dict, sample: int | None, workers: int | None
) -> tuple[SplitReport, Any]:
    try:
        remarks = verify_layout(config)
        dataset = DATASETS.build(dict(config, test_mode=True))
    except (UserError, FileNotFoundError, AssertionError) as error:
        message = error if isinstance(error, UserError) else own_fault(error) or error
        problem = str(message) or 'files of the split are missing'
        return SplitReport(name, problems={problem: []}), None
    report = inspect(name, dataset, sample, workers)
    report.notes += remarks
    if not report.problems:  # what is wrong in those that were not looked at, as a run refuses it
        report.problems = {fault: [] for fault in pair_faults(dataset)}
    return report, dataset


def _find_shared(reports: list[SplitReport], datasets: dict[str, Any]) -> None:
    """Adds to splits that have pictures of the training split, or of another name but the same."""
    training = next((report for report in reports if report.name == 'training'), None)
    for report in reports:
        if report is training or not {report.name, 'training'} <= datasets.keys():
            continue
        shared = shared_pictures(datasets['training'], datasets[report.name])
        if shared and trains_on_masks(datasets['training'].data_prefix):
            report.problems[IN_TRAINING] = sorted(shared)
        twins = [
            f'{Path(path).name} = {Path(training.contents[seen]).name}'
            for seen, path in report.contents.items()
            if seen in training.contents and Path(path).name not in shared
        ]
        if twins:
            more = ', ...' if len(twins) > 5 else ''
            report.notes.append(
                f'{len(twins)} pictures are, pixel for pixel, in the training split under other '
                f'names or in other files, so that scores on them tell little: '
                f'{", ".join(twins[:5])}{more}'
            )


def _save_sample(path: Path, dataset: Any) -> None:
    steps = picture_loader(dataset), annotation_loader(dataset)
    if None in steps:
        return  # a pipeline that loads in a way of its own
    info = dataset.get_data_info(len(dataset) // 2)
    for step in steps:
        info = step(info)
    palette, names = palette_of(dataset), class_names(dataset)
    labels = info['gt_seg_map'].astype(np.int64)
    save_overlay(path, np.ascontiguousarray(info['img'][..., ::-1]), labels, names, palette)


def _print(reports: list[SplitReport], folder: Path) -> None:
    table = Table(title='data')
    for column in ('split', 'pictures', 'looked at', 'sizes', 'masks', 'ids', 'problems'):
        table.add_column(column, justify='left' if column == 'split' else 'right')
    for report in reports:
        sizes = ' to '.join(f'{h} x {w}' for h, w in dict.fromkeys(report.sizes or ()))
        ids = f'{min(report.ids)}..{max(report.ids)}' if report.ids else '-'
        row = report.name, report.pictures, report.checked, sizes or '-', ', '.join(report.modes)
        table.add_row(*map(str, row), ids, str(len(report.problems)))
    say(table)
    rows = histogram_rows(reports)
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'label_ids.csv').write_text(histogram_csv(reports))
        if len(rows) <= _PRINTED_IDS:
            say(histogram_table(reports))
        say(f'pixels of each id: {folder}/label_ids.csv')
    for report in reports:
        for note in report.notes:
            say(f'note: {report.name}: {note}')
        for message in report.messages():
            say(f'problem: {report.name}: {message}')
    if any(report.checked and not report.problems for report in reports):
        say(f'one labelled picture of each split: {folder}/')
