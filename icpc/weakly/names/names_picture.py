"""What each candidate name makes of a picture: its similarity, and the map that it leads to."""

from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from ...console.messages import say
from ...files import put_in_place
from ...weak.losses import clims_losses, masked_views, weighted
from ...weak.naming.choosing import choose
from ...weak.stages import CLIMSClassifier

_HEIGHT, _GAP, _LINE = 140, 6, 18  # pixels
_RED, _OPACITY = np.array([255, 40, 0]), 0.7
_STEPS, _RATE = 20, 0.3  # our choice: enough that maps differ, too few that they become noise


def draw_names(
    model: CLIMSClassifier, dataset: Dataset, path: Path, rows: int = 6, published: bool = False
) -> None:
    """Write a sheet: a picture, its CAM, and for each name similarity and map, a class a row.

    The chosen name is marked. Its map is the CAM after some steps of stage 2's losses on this
    picture alone, with this name as the class's text.

    Args:
        model: In eval mode; its names compete.
        dataset: Of `pictures_of`.
        path: A `.png`.
        rows: Evenly spread pictures; of each the first class whose choice is not its own name.
        published: As for `choose`.
    """
    lines = []
    for index in np.linspace(0, len(dataset) - 1, min(rows, len(dataset))).astype(int).tolist():
        found = choose(model, dataset, index, published)
        if not found.classes:
            continue
        row = next((row for row, place in enumerate(found.places) if place), 0)
        label, picture = found.classes[row], found.picture
        cells = [
            (picture, model.class_names[1 + label]),
            (_under(picture, found.cam[row]), 'CAM'),
        ]
        for place, map_of_name in enumerate(maps_by_name(model, dataset, index, label)):
            mark = ' (chosen)' if place == found.places[row] else ''
            near = float(found.similarities[row][place])
            title = f'{model.names[label][place]} {near:.3f}{mark}'
            cells.append((_under(picture, map_of_name), title))
        lines.append(cells)
    if not lines:
        say(f'note: {path}: none of the pictures has a tag, so that nothing is drawn')
        return
    _save(lines, path)
    say(f'picture, CAM, and similarity and map of each name: {path}')


def maps_by_name(model: CLIMSClassifier, dataset: Dataset, index: int, label: int) -> Tensor:
    """The map of a class of a picture after some steps with each of its names as the text.

    Args:
        model: In eval mode.
        dataset: Of `pictures_of`.
        index: Of the picture.
        label: Place of the class among the K.

    Returns:
        (T, h, w) in 0..1, divided by their maxima.
    """
    data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
    inputs = data['inputs']
    first, count = int(model.first_name[label]), len(model.names[label])
    texts = model.texts[first : first + count]
    with torch.no_grad():
        scores = model.maps(inputs)[:, label]  # (1, h, w)
    images = model.for_clip(inputs).expand(count, -1, -1, -1)
    pairs = torch.stack([torch.arange(count), torch.zeros(count, dtype=torch.long)], dim=1)
    with torch.enable_grad():
        changed = scores.repeat(count, 1, 1)[:, None].requires_grad_()  # (T, 1, h, w)
        optimiser = torch.optim.Adam([changed], lr=_RATE)
        for _ in range(_STEPS):
            maps = changed.sigmoid()
            views = masked_views(images, maps, pairs.to(maps.device), model.clip.size)
            front, rest = model.clip.embed(torch.cat(views)).chunk(2)
            losses = clims_losses(
                *(front, rest, texts, model.phrases, maps),
                threshold=model.threshold_cbs,
                reduction='pairs',
                shifted=model.shifted,
            )
            optimiser.zero_grad()
            (count * weighted(losses, model.weights)).backward()  # each name its own mean
            optimiser.step()
    found = changed.detach()[:, 0].relu()
    return found / found.amax(dim=(1, 2), keepdim=True).clamp(min=1e-5)


def _under(picture: np.ndarray, map_: Tensor) -> np.ndarray:
    """The picture, red where the map is large."""
    size = picture.shape[:2]
    shade = F.interpolate(map_[None, None].cpu().float(), size, mode='bilinear')[0, 0].numpy()
    weight = _OPACITY * shade[..., None]
    return (picture * (1 - weight) + weight * _RED).round().astype(np.uint8)


def _save(lines: list[list[tuple[np.ndarray, str]]], path: Path) -> None:
    font = ImageFont.load_default(size=12)
    sized = [[(_sized(cell), title) for cell, title in line] for line in lines]
    widths = [
        [max(cell.width, int(font.getlength(title))) + _GAP for cell, title in line]
        for line in sized
    ]
    height = _HEIGHT + _LINE + _GAP
    sheet = Image.new('RGB', (max(map(sum, widths)), height * len(lines)), 'white')
    draw = ImageDraw.Draw(sheet)
    for number, (line, wide) in enumerate(zip(sized, widths, strict=True)):
        left = 0
        for (cell, title), width in zip(line, wide, strict=True):
            draw.text((left, number * height), title, fill='black', font=font)
            sheet.paste(cell, (left, number * height + _LINE))
            left += width
    with put_in_place(path) as temporary:
        sheet.save(temporary, format='PNG')


def _sized(cell: np.ndarray) -> Image.Image:
    image = Image.fromarray(cell)
    return image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT))
