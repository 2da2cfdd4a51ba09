"""What a rehearsal reads of the data: the pictures most likely to fail, and every class once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from ..datasets.checks.inspection import inspect
from ..datasets.checks.odd_pictures import absent_classes, find_odd_pictures, picture_sizes
from ..errors import in_one_line

_NAMED = 8  # classes named of those that are absent


@dataclass(frozen=True)
class Split:
    """What is known of one split.

    Attributes:
        count: Its pictures.
        largest: Place of the picture with the most pixels.
        narrowest: Place of the picture whose sides differ most.
        typical: Place of a picture of median area.
    """

    count: int
    largest: int
    narrowest: int
    typical: int


Splits = dict[str, Split]


def look_at_data(cfg: Config, tell: Callable[[str], None]) -> tuple[Splits, list[str], list[str]]:
    """Read a sample of every split as the run will read it.

    Args:
        cfg: A finished config.
        tell: Is called with a line before what takes a while.

    Returns:
        The splits; what would stop the run; what is odd but stops nothing.
    """
    splits: Splits = {}
    problems: list[str] = []
    notes: list[str] = []
    datasets: dict[str, Dataset] = {}
    seen: dict[str, tuple[dict, str]] = {}
    absent: dict[str, set[int]] = {}
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        if loader is None:
            continue
        twin = next((n for n, (config, _) in seen.items() if config == loader['dataset']), None)
        if twin is not None:
            splits[name] = splits[twin]
            continue
        seen[name] = (loader['dataset'].to_dict(), name)
        datasets[name] = dataset = DATASETS.build(loader['dataset'])
        tell(f'looking at the {name} split: {len(dataset)} pictures ...')
        sizes = picture_sizes(dataset)
        if not any(sizes):
            problems.append(f'{name}: none of the {len(sizes)} pictures can be read')
            splits[name] = Split(len(sizes), 0, 0, 0)
            continue
        odd = find_odd_pictures(sizes)
        splits[name] = Split(len(sizes), odd.largest, odd.narrowest, odd.typical)
        problems += _read(name, dataset, odd.sampled)
        absent[name] = set(absent_classes(dataset))
    names = [str(name).strip() for name in next(iter(datasets.values())).metainfo['classes']]
    notes += _absence(names, absent)
    return splits, problems, notes


def _read(name: str, dataset: Dataset, sampled: tuple[int, ...]) -> list[str]:
    """Read pictures and masks as files, then through the split's pipeline."""
    report = inspect(name, dataset, sampled)
    problems = [f'{name}: {message}' for message in report.messages()]
    told = {file for files in report.problems.values() for file in files}
    for index in sampled:
        info = dataset.get_data_info(index)
        paths = [str(info.get(key, '')) for key in ('img_path', 'seg_map_path')]
        if told & {Path(path).name for path in paths}:
            continue
        try:
            dataset[index]
        except Exception as error:
            problems.append(f'{name}: {paths[0]}: {in_one_line(error)}')
            break  # a pipeline that fails often fails for all
    return problems


def _absence(names: list[str], absent: dict[str, set[int]]) -> list[str]:
    """What to say of classes that splits lack."""
    nowhere = set.intersection(*absent.values()) if absent else set()
    notes = []
    if nowhere:
        notes.append(
            f'{_named(names, nowhere, "any split")}: a wrong class list, or take it out with '
            'classes=[...]'
        )
    for split, text in (
        ('train', 'cannot be learned'),
        ('val', 'counts in mIoU only if predicted'),
    ):
        rest = absent.get(split, set()) - nowhere
        if rest:
            notes.append(f'{_named(names, rest, f"the {split} split")}: such a class {text}')
    return notes


def _named(names: list[str], ids: set[int], where: str) -> str:
    listed: list[Any] = [repr(names[index]) for index in sorted(ids)]
    more = ', ...' if len(listed) > _NAMED else ''
    noun = 'class occurs' if len(ids) == 1 else 'classes occur'
    return f'{len(ids)} {noun} in no mask of {where} ({", ".join(listed[:_NAMED])}{more})'
