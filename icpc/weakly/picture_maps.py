"""Class activation maps of every picture of a stage's data, refined, as files."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..console.messages import say
from ..console.picture_bar import picture_bar
from ..errors import UserError, refusing
from ..evaluation.pictures import read_picture
from ..inference.load_model import load_model
from ..ranks import distributed
from ..run_dir.record import RESOLVED_PY
from ..weak.naming.choosing import pictures_of
from .map_files import save_maps
from .picture_writers import Writer, written
from .refinement import refiner

_FEW = 50  # pictures for which a further process is not worth its start
_A_GPU = 2  # processes


class Mapper:
    """What makes the maps of pictures.

    Args:
        source: The work directory of a stage that gives CAMs.
        refine: A name that `refinement.refiner` knows.
        options: Arguments of the refinement.
        device: As for `icpc.load_model`.

    Attributes:
        every: All training pictures, whatever `train_images` says, with tags, without masks.
        scored: The pictures with masks; None where the stage's config has none.
    """

    def __init__(
        self, source: Path, refine: str, options: dict[str, Any], device: str | None = None
    ) -> None:
        self.refine = refiner(refine, options, device)
        self.model: nn.Module = load_model(source, device).model
        if not hasattr(self.model, 'cam'):
            raise UserError(
                f'{source}: {type(self.model).__name__} gives no class activation maps; name the '
                'work directory of a stage that does, such as a TagClassifier'
            )
        cfg = Config.fromfile(source / RESOLVED_PY)
        self.every, self.scored = data_sets(cfg)

    @torch.no_grad()
    def maps(self, dataset: Dataset, index: int) -> tuple[Tensor, Tensor]:
        """(K, H, W) CAMs of a picture at its size on disk, and the same refined.

        Args:
            dataset: One of its own.
            index: Of the picture.
        """
        (sample,) = self.model.test_step(pseudo_collate([dataset[index]]))
        cam = sample.pred_cam.data
        if self.refine is None:
            return cam, cam
        kept = cam.amax(dim=(1, 2)).nonzero().flatten()
        image = torch.from_numpy(read_picture(sample.img_path, dataset)).to(cam.device)
        refined = torch.zeros_like(cam)
        refined[kept] = self.refine(image.permute(2, 0, 1), cam[kept]).to(cam).clamp(0, 1)
        return cam, refined

    def write(self, index: int, path: Path) -> None:
        """Write the refined maps of a training picture.

        Args:
            index: Of the picture among all.
            path: A `.npz`.
        """
        save_maps(self.maps(self.every, index)[1], path)


def data_sets(cfg: Config) -> tuple[Dataset, Dataset | None]:
    """All training pictures of a config with tags, without masks, and those with masks.

    Args:
        cfg: Of a stage that gives CAMs; None are with masks where it validates on none.
    """
    scored = (cfg.get('val_dataloader') or {}).get('dataset')
    with refusing('the data set'), DefaultScope.overwrite_default_scope('mmseg'):
        return pictures_of(cfg, every=True), scored and DATASETS.build(scored)


def write_missing(
    name: str,
    make: Callable[..., Writer],
    files: list[Path],
    workers: int | None = None,
) -> None:
    """Write those files of all pictures that are not there yet, in several processes.

    Args:
        name: Of the work.
        make: It takes `device`, and must be one that can be sent to another process.
        files: Of each picture, in the order of the data set.
        workers: Processes; None for one a core, or two a GPU, as far as they are worth it.
    """
    work = [(index, path) for index, path in enumerate(files) if not path.is_file()]
    if len(work) < len(files):
        say(f'{name}: {len(files) - len(work)} of {len(files)} pictures are there already')
    if not work:
        return
    gpus = torch.cuda.device_count()
    most = _A_GPU * gpus or os.cpu_count() or 1
    many = workers or max(1, min(most, len(work) // _FEW))
    with picture_bar(name, len(work)) as advance:
        for number, _ in enumerate(written(make, work, many), start=1):
            distributed.note(f'{name}, picture {number} of {len(work)}')
            advance()


def files_of(dataset: Dataset, folder: Path, suffix: str) -> list[Path]:
    """A file for each picture of a tagged data set, in its order."""
    infos: Iterable[dict] = map(dataset.get_data_info, range(len(dataset)))
    return [folder / f'{dataset.name_of(info)}{suffix}' for info in infos]


def kept_maps(mapper: Mapper, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and refined maps of a picture with a mask, as `map_files.load_maps` gives them."""
    maps = mapper.maps(mapper.scored, index)[1].cpu().numpy()
    return np.arange(len(maps)), maps
