"""POLE's choice of a name for each class of each picture, from the CAMs of a classifier."""

from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from torch import Tensor
from torch.utils.data import Dataset

from ...errors import refusing
from ...evaluation.pictures import read_picture
from ..selection import choose_names, clip_picture, masked_pictures
from ..stages.clims_classifier import CLIMSClassifier

_MASKS = 'LoadAnnotations', 'LoadWideAnnotations'


class PictureChoice(NamedTuple):
    """What is chosen for the k tagged classes of a picture.

    Attributes:
        picture: uint8 (H, W, 3), RGB.
        classes: (k,) their places among the K.
        cam: (k, H, W) in 0..1.
        similarities: for each the cosines (T,) of its masked picture and its names.
        places: for each the place of the chosen name among its names.
    """

    picture: np.ndarray
    classes: list[int]
    cam: Tensor
    similarities: list[Tensor]
    places: list[int]


def pictures_of(cfg: Config, every: bool = False) -> Dataset:
    """The training pictures of a config with their tags, as they are tested, without masks.

    Args:
        cfg: a finished config.
        every: all of them, whatever ``train_images`` says.
    """
    train = cfg.train_dataloader.dataset
    scored = (cfg.get('val_dataloader') or {}).get('dataset')
    # Training reads the picture first and packs last; what lies between changes it.
    steps = [train.pipeline[0], train.pipeline[-1]] if scored is None else scored.pipeline
    kept = [step for step in steps if step['type'] not in _MASKS]
    whole = {**train, 'pipeline': kept, **({'indices': None} if every else {})}
    with refusing('the data set'), DefaultScope.overwrite_default_scope('mmseg'):
        return DATASETS.build(whole)


@torch.no_grad()
def choose(
    model: CLIMSClassifier, dataset: Dataset, index: int, published: bool = False
) -> PictureChoice:
    """The name of each class of a picture that CLIP finds nearest to the picture under its CAM.

    Names compete within their class; of equal ones the first wins. CLIP sees the masked picture
    with its own preprocessing, whatever ``clip_statistics`` says.

    Args:
        model: in eval mode; its names compete.
        dataset: of :func:`pictures_of`.
        index: of the picture.
        published: with the slips of POLE's code, see :func:`masked_pictures`.
    """
    (sample,) = model.test_step(pseudo_collate([dataset[index]]))
    picture = read_picture(sample.img_path, dataset)
    classes = np.flatnonzero(sample.tags).tolist()
    cam = sample.pred_cam.data[classes]
    masked = masked_pictures(torch.from_numpy(picture), cam.cpu(), published)
    similarities, places = [], []
    mean, std = model.clip.statistics
    for label, one in zip(classes, masked, strict=True):
        pixels = clip_picture(one.numpy(), model.clip.size)[None].to(mean)
        seen = model.clip.embed((pixels * 255 - mean) / std)
        first = int(model.first_name[label])
        found = choose_names(seen, model.texts[None, first : first + len(model.names[label])])
        similarities.append(found.similarities[0].cpu())
        places.append(int(found.index))
    return PictureChoice(picture, classes, cam.cpu(), similarities, places)


def place_vector(choice: PictureChoice, classes: int) -> Tensor:
    """(K,) int16: the place of the chosen name; -1 where the class is no tag.

    Args:
        choice: of a picture.
        classes: K.
    """
    row = torch.full((classes,), -1, dtype=torch.int16)
    row[choice.classes] = torch.tensor(choice.places, dtype=torch.int16)
    return row


def own_share(places: Tensor) -> float:
    """The share of chosen names that are their class's own.

    Args:
        places: (N, K) of :func:`place_vector`.
    """
    chosen = places[places >= 0]
    return float((chosen == 0).float().mean()) if len(chosen) else 0.0
