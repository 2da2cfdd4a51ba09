"""Which pictures a dataset lists: as many as are asked for, and none of the training split's."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from ...errors import UserError

IN_TRAINING = 'pictures that are in the training split too'


def unread(dataset: dict[str, Any], **options: Any) -> Dataset | None:
    """A built dataset that reads no picture; None where it cannot be built, which is said later.

    Args:
        dataset: The dataset's config.
        **options: What is set instead.
    """
    with suppress(Exception):
        return DATASETS.build({**dataset, 'pipeline': [], 'serialize_data': False, **options})
    return None


def check_indices(dataset: dict[str, Any]) -> None:
    """Raise where `indices`, or `train_images`, asks for more pictures than there are.

    Args:
        dataset: The dataset's config, whose layout is right.

    Raises:
        UserError: mmengine would take all without a word, or fail on the index.
    """
    asked = dataset.get('indices')
    if asked is None:
        return
    several = isinstance(asked, (list, tuple)) and all(type(i) is int for i in asked)
    if not (several and asked or type(asked) is int and asked):
        raise UserError(f'indices of the dataset must be a whole number or several, got {asked!r}')
    whole = unread(dataset, indices=None)
    most = max(i + 1 if i >= 0 else -i for i in asked) if several else abs(asked)
    if whole is not None and most > len(whole):
        raise UserError(
            f'{dataset.get("data_root")}: {most} pictures are asked for (train_images, or '
            f'indices of the dataset), but there are {len(whole)}; ask for as many at most'
        )


def trains_on_masks(prefix: dict[str, str] | None) -> bool:
    """Whether a training reads masks; where it has tags alone, those of its pictures may score it.

    Args:
        prefix: `data_prefix` of the training set.
    """
    return 'seg_map_path' in (prefix or {})


def of_both(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """Names of the pictures that the datasets of two configs share.

    Args:
        one: A dataset's config.
        other: Another one.
    """
    first, second = (
        (
            Path(c.get('data_root') or '') / (c.get('data_prefix') or {}).get('img_path', '')
        ).resolve()
        for c in (one, other)
    )
    if not (first.is_relative_to(second) or second.is_relative_to(first)):
        return set()
    built = unread(one), unread(other)
    return set() if None in built else shared_pictures(*built)


def shared_pictures(one: Dataset, other: Dataset) -> set[str]:
    """Names of the picture files that two built datasets share.

    Args:
        one: A dataset.
        other: Another one.
    """
    first, second = (
        {Path(data.get_data_info(i)['img_path']).resolve() for i in range(len(data))}
        for data in (one, other)
    )
    return {path.name for path in first & second}
