"""Says which pairs of a dataset no run can use: other sizes, ids outside the class list."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch.utils.data import Dataset

from ...errors import UserError
from ..mask_reading import annotation_loader
from ..picture_subset import PictureSubset
from .inspection import OTHER_SIZES, SIZES, TURNED
from .label_ids import LabelScheme
from .whole_look import PairLook, look_at_pairs

_NAMED = 5  # files named of each kind of fault


def verify_labels(dataset: Dataset) -> None:
    """Raise when a mask and its picture do not fit, or a mask holds an id that is no class.

    All pairs are looked at.

    Args:
        dataset: A segmentation dataset; nothing is looked at without a step that loads annotations.

    Raises:
        UserError: Names how many files, the first of them, and the likely cause.
    """
    for fault in pair_faults(dataset):
        raise UserError(fault)


def pair_faults(dataset: Dataset) -> Iterator[str]:
    """What `verify_labels` refuses, one message for each kind of fault.

    Args:
        dataset: A segmentation dataset.
    """
    if annotation_loader(dataset) is None:
        return
    looks = look_at_pairs(dataset)
    unread = [look for look in looks if look.problem]
    coloured = [look for look in looks if not look.problem and len(look.shape) != 2]
    misfits = [look for look in looks if not look.problem and not look.fits]
    if unread:
        yield unread[0].problem + _others(unread, looks)
    if coloured:
        yield (
            f'{coloured[0].path}: a mask of shape {coloured[0].shape}, expected one channel of '
            'class ids; RGB masks belong to other editions (the full ADE20K) or were saved as '
            'pictures' + _others(coloured, looks)
        )
    if misfits:
        yield _misfits(misfits, looks)
    strange = _strange_ids(dataset, looks)
    if strange:
        yield strange
    if isinstance(dataset, PictureSubset):
        return  # a few pictures may well be ignored whole
    if looks and not (unread or coloured or strange) and not _any_labelled(dataset, looks):
        yield (
            f'{type(dataset).__name__}: every pixel of the {len(looks)} masks looked at is '
            f'ignored; is reduce_zero_label={dataset.reduce_zero_label} right, and do the masks '
            'belong to these classes?'
        )


def _misfits(wrong: Sequence[PairLook], looks: Sequence[PairLook]) -> str:
    named = '; '.join(
        f'{look.path} is {_size(look.shape)}, its picture {_size(look.picture)}'
        for look in wrong[:_NAMED]
    )
    return (
        f'{SIZES} (height x width) in {len(wrong)} of {len(looks)} pairs'
        f'{TURNED if all(look.turned for look in wrong) else OTHER_SIZES}: {named}'
        f'{"; ..." if len(wrong) > _NAMED else ""}'
    )


def _strange_ids(dataset: Dataset, looks: Sequence[PairLook]) -> str:
    classes, ignored = len(dataset.metainfo['classes']), dataset.ignore_index
    found = {look: [i for i in look.ids if i != ignored and not 0 <= i < classes] for look in looks}
    wrong = [look for look in looks if found[look]]
    if not wrong:
        return ''
    scheme = LabelScheme.of(dataset)
    in_files = sorted({i + scheme.first for look in wrong for i in found[look]})
    return (
        f'{wrong[0].path}: label id {found[wrong[0]][0]} (after loading), but there are {classes} '
        f'classes (0..{classes - 1}, {ignored} is ignored). Likely cause: {scheme.cause(in_files)}'
        + _others(wrong, looks)
    )


def _any_labelled(dataset: Dataset, looks: Sequence[PairLook]) -> bool:
    return any(i != dataset.ignore_index for look in looks for i in look.ids)


def _others(wrong: Sequence[PairLook], looks: Sequence[PairLook]) -> str:
    """How many files have the same fault, and the next few of them."""
    if len(wrong) == 1:
        return ''
    names = ', '.join(Path(look.path).name for look in wrong[1:_NAMED])
    more = ', ...' if len(wrong) > _NAMED else ''
    return f' [{len(wrong)} of {len(looks)} pairs, also {names}{more}]'


def _size(shape: Sequence[int]) -> str:
    return ' x '.join(map(str, shape[:2]))
