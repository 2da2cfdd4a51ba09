"""What each stage makes of a few pictures, side by side."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..console.messages import say
from ..datasets.mask_reading import annotation_loader, read_labels
from ..evaluation.pictures import overlay, palette_of, read_picture
from ..files import put_in_place
from ..inference.load_model import load_model
from ..run_dir.record import RunRecord
from .map_files import labels_of, load_maps
from .picture_maps import Mapper, files_of
from .pseudo_masks import MAPS

NAME = 'stages.png'
_COUNT, _HEIGHT, _GAP = 4, 160, 4  # pictures; pixels


def draw_stages(out: Path, cam: Path) -> None:
    """Write `stages.png`: picture, CAM, pseudo mask, retrained prediction and truth, a row each.

    Args:
        out: The folder of all stages.
        cam: The work directory of the stage whose CAMs became the masks.
    """
    mapper = Mapper(cam, 'none', {})
    dataset = mapper.every if mapper.scored is None else mapper.scored
    load = annotation_loader(dataset)  # None: there is no truth to show
    palette = palette_of(dataset)
    retrained = load_model(out / 'retrain')
    scored = RunRecord.of(cam).metrics.get('val') or {}
    threshold = scored.get('cam_threshold', mapper.model.threshold)
    refined = RunRecord.of(out / 'masks').metrics['train']['threshold']
    paths = files_of(dataset, out / 'masks' / MAPS, '.npz')
    rows = []
    for index in np.linspace(0, len(dataset) - 1, min(_COUNT, len(dataset))).astype(int).tolist():
        path = dataset.get_data_info(index)['img_path']
        picture = read_picture(path, dataset)
        maps = mapper.maps(dataset, index)[0].cpu().numpy()
        labels = [
            labels_of(np.arange(len(maps)), maps, threshold),
            *([labels_of(*load_maps(paths[index]), refined)] if paths[index].is_file() else []),
            retrained.predict(path).labels,
            *([] if load is None else [read_labels(dataset, index, load)]),
        ]
        rows.append([picture, *(overlay(picture, one, palette) for one in labels)])
    _save(rows, out / NAME)
    say(f'picture, CAM, pseudo mask, retrained, truth: {out / NAME}')


def _save(rows: list[list[np.ndarray]], path: Path) -> None:
    cells = [[_sized(cell) for cell in row] for row in rows]
    width = max(sum(cell.width + _GAP for cell in row) for row in cells)
    sheet = Image.new('RGB', (width, len(cells) * (_HEIGHT + _GAP)), 'white')
    for number, row in enumerate(cells):
        left = 0
        for cell in row:
            sheet.paste(cell, (left, number * (_HEIGHT + _GAP)))
            left += cell.width + _GAP
    with put_in_place(path) as temporary:
        sheet.save(temporary, format='PNG')


def _sized(cell: np.ndarray) -> Image.Image:
    image = Image.fromarray(cell)
    return image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT))
