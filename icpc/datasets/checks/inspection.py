"""Looks at the files of a dataset: can they be read, do they fit, and what ids do masks hold."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from torch.utils.data import Dataset

from ...foreign_files.open_picture import open_picture
from ..mask_reading import ColouredMask, MaskFault, annotation_loader, decode_labels, lost_values
from ..named_readers import LoadNamedAnnotations
from ..picture_reading import (
    UnreadablePicture,
    fingerprint_of,
    is_turned,
    load_picture,
    picture_loader,
    stored_size,
)
from ..wide_labels import LoadWideAnnotations
from .label_ids import LabelScheme

_OURS = (LoadNamedAnnotations, LoadWideAnnotations)
_NAMED = 5  # files named of each kind of problem
SIZES = 'mask and picture have different sizes'
TURNED = (
    ', the picture is turned by its EXIF orientation, the mask shows it as it is stored; turn the '
    "mask, or remove the picture's EXIF orientation"
)
OTHER_SIZES = (
    '; give each picture its own mask, and where one of the two was resized resize the other too, '
    'a mask by nearest neighbour'
)


@dataclass
class Finding:
    """One picture and its mask.

    Attributes:
        size: (height, width) of the picture as the pipeline sees it; None where it cannot be read.
        stored: The same as the file has it, before any turning.
        turned: Whether its EXIF orientation makes the pipeline turn it.
        mode: Pillow's mode of the mask, such as L, P or I;16.
        ids: Pixels of each id in the mask file.
        problem: What is wrong, without the file's name.
        picture: The picture's path.
        content: A fingerprint of its pixels as the pipeline sees them.
    """

    path: str
    size: tuple[int, int] | None = None
    stored: tuple[int, int] | None = None
    turned: bool = False
    mode: str = ''
    ids: Counter[int] = field(default_factory=Counter)
    problem: str = ''
    picture: str = ''
    content: str = ''


@dataclass
class SplitReport:
    """What was found in one split.

    Attributes:
        pictures: Number of pictures.
        checked: Of those, looked at.
        sizes: Smallest and largest (height, width) by area.
        ids: Pixels of each id in the mask files.
        modes: Masks of each mode.
        turned: Pictures that are turned by their EXIF orientation.
        problems: Kind of problem -> files.
        notes: What is odd but may be meant.
        scheme: How ids are read; None where the split was not looked at.
        contents: Fingerprint of a picture's pixels -> its path.
    """

    name: str
    pictures: int = 0
    checked: int = 0
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
    ids: Counter[int] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    turned: int = 0
    problems: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    scheme: LabelScheme | None = None
    contents: dict[str, str] = field(default_factory=dict)

    def messages(self) -> Iterator[str]:
        """Each kind of problem with the number of files and the first of them."""
        for problem, files in self.problems.items():
            named = ', '.join(files[:_NAMED]) + (', ...' if len(files) > _NAMED else '')
            yield f'{problem} [{len(files)}: {named}]' if named else problem


def inspect(
    name: str,
    dataset: Dataset,
    sample: int | Sequence[int] | None = None,
    workers: int | None = None,
) -> SplitReport:
    """Read pictures and masks of a built dataset.

    Args:
        name: The name of the split.
        dataset: A BaseSegDataset.
        sample: How many, evenly spread; None for all; or the places of those to read.
        workers: Threads; None for Pillow's sake one a core and some.

    Returns:
        The report; nothing is raised for what is wrong with a file.
    """
    count = len(dataset)
    report = SplitReport(name, pictures=count)
    if not count:
        report.problems['the split is empty'] = []
        return report
    taken = sample if isinstance(sample, Sequence) else _spread(count, sample)
    pairs = [dataset.get_data_info(int(index)) for index in taken]
    report.scheme = scheme = LabelScheme.of(dataset)
    load, masks = picture_loader(dataset), annotation_loader(dataset)
    with ThreadPoolExecutor(workers) as pool:
        for finding in pool.map(lambda info: _look(info, scheme, load, masks), pairs):
            _add(report, finding)
    if report.turned:
        report.notes.append(
            f'{report.turned} pictures carry an EXIF orientation and are turned as it says; their '
            'masks must show the turned picture'
        )
    report.notes += scheme.notes(report.ids, complete=report.checked == count)
    complete = report.checked == count
    if not complete and not isinstance(sample, Sequence):
        report.notes.append(
            f'{report.checked} of {count} pictures were decoded; without --sample all'
        )
    if complete and report.ids and not scheme.labelled(report.ids) and not report.problems:
        report.problems[scheme.nothing_labelled()] = []
    return report


def _spread(count: int, sample: int | None) -> Iterable[int]:
    if sample is None or sample >= count:
        return range(count)
    return np.linspace(0, count - 1, sample).round().astype(int)


def _look(
    info: dict,
    scheme: LabelScheme,
    load: LoadImageFromFile | None,
    masks: LoadAnnotations | None,
) -> Finding:
    path = info['img_path']
    finding = Finding(path, picture=path)
    if load is not None:
        try:
            pixels = load_picture(path, load)
            finding.size, finding.content = pixels.shape[:2], fingerprint_of(pixels)
        except UnreadablePicture as error:
            finding.size, finding.problem = None, f'the picture cannot be read ({error})'
            return finding
        finding.stored, finding.turned = stored_size(path), is_turned(path, load)
    # What a reader of one's own makes of a mask, `pair_faults` tells.
    if 'seg_map_path' in info and isinstance(masks, (NoneType, *_OURS)):
        finding.path = info['seg_map_path']
        finding.problem = _look_at_mask(finding, scheme, masks)
    return finding


def _look_at_mask(finding: Finding, scheme: LabelScheme, masks: LoadAnnotations | None) -> str:
    try:
        content = Path(finding.path).read_bytes()
        with open_picture(io.BytesIO(content)) as mask:
            finding.mode = mask.mode
        pixels = decode_labels(content)
    except FileNotFoundError:
        return 'the mask is missing'
    except ColouredMask as error:
        return str(error).replace('a mask of', 'the mask has', 1)
    except MaskFault as error:
        return str(error)
    except Exception as error:  # also Pillow's DecompressionBombError, which is no OSError
        return f'the mask cannot be read ({_short(error)})'
    size = pixels.shape
    if finding.size not in (None, size):
        return SIZES + (TURNED if size == finding.stored else OTHER_SIZES)
    if lost := masks is not None and lost_values(finding.path, masks):
        return lost
    ids, areas = np.unique(pixels, return_counts=True)
    finding.ids = Counter(dict(zip(ids.tolist(), areas.tolist(), strict=True)))
    return scheme.problem(finding.ids)


def _add(report: SplitReport, finding: Finding) -> None:
    report.checked += 1
    report.ids.update(finding.ids)
    report.turned += finding.turned
    if finding.content:
        report.contents.setdefault(finding.content, finding.picture)
    if finding.mode:
        report.modes[finding.mode] += 1
    if finding.problem:
        report.problems.setdefault(finding.problem, []).append(Path(finding.path).name)
    if finding.size is not None:
        sizes = [*(report.sizes or ()), finding.size]
        area = [height * width for height, width in sizes]
        report.sizes = sizes[int(np.argmin(area))], sizes[int(np.argmax(area))]


def _short(error: Exception) -> str:
    return str(error).split("'/")[0].split(' /')[0].strip() or type(error).__name__
