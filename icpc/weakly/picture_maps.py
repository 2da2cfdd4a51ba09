"""Class activation maps of every picture of a stage's data, refined, as files."""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..errors import UserError, refusing
from ..evaluation.pictures import read_picture
from ..inference.load_model import load_model
from ..run_dir.record import RESOLVED_PY
from .map_files import save_maps
from .refinement import refiner

_MASKS = 'LoadAnnotations', 'LoadWideAnnotations'


class Mapper:
    """What makes the maps of pictures.

    Args:
        source: The work directory of a stage that gives CAMs.
        refine: A name of `refinement.REFINERS`, or `none`.
        options: Arguments of the refinement.
        device: As for `icpc.load_model`.

    Attributes:
        every: All training pictures, whatever `train_images` says, with tags, without masks.
        scored: The pictures with masks.
    """

    def __init__(
        self, source: Path, refine: str, options: dict[str, Any], device: str | None = None
    ) -> None:
        self.refine = refiner(refine, options)
        self.model: nn.Module = load_model(source, device).model
        if not hasattr(self.model, 'cam'):
            raise UserError(
                f'{source}: {type(self.model).__name__} gives no class activation maps; name the '
                'work directory of a stage that does, such as a TagClassifier'
            )
        cfg = Config.fromfile(source / RESOLVED_PY)
        steps = cfg.val_dataloader.dataset.pipeline
        plain = [step for step in steps if step['type'] not in _MASKS]
        with refusing('the data set'), DefaultScope.overwrite_default_scope('mmseg'):
            whole = {**cfg.train_dataloader.dataset, 'pipeline': plain, 'indices': None}
            self.every: Dataset = DATASETS.build(whole)
            self.scored: Dataset = DATASETS.build(cfg.val_dataloader.dataset)

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
        picture = read_picture(sample.img_path, dataset)
        image = torch.from_numpy(picture).to(cam.device).permute(2, 0, 1)
        refined = torch.zeros_like(cam)
        refined[kept] = self.refine(image, cam[kept]).to(cam).clamp(0, 1)
        return cam, refined


def write_maps(
    source: Path, refine: str, options: dict[str, Any], work: list[tuple[int, Path]], workers: int
) -> Iterator[Path]:
    """Write the refined maps of training pictures, in several processes; yields what is written.

    Args:
        source, refine, options: As for :class:`Mapper`.
        work: Index of the picture, and its file.
        workers: Processes; 1 for this one.
    """
    if workers == 1 or len(work) < workers:
        mapper = Mapper(source, refine, options)
        yield from (_write(mapper, *item) for item in work)
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, context, _start, (source, refine, options)) as pool:
        yield from pool.map(_in_process, work, chunksize=4)


_OWN: list[Mapper] = []  # of a process of the pool


def _start(source: Path, refine: str, options: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    _OWN.append(Mapper(source, refine, options))


def _in_process(item: tuple[int, Path]) -> Path:
    return _write(_OWN[0], *item)


def _write(mapper: Mapper, index: int, path: Path) -> Path:
    save_maps(mapper.maps(mapper.every, index)[1], path)
    return path


def files_of(dataset: Dataset, folder: Path, suffix: str) -> list[Path]:
    """A file for each picture of a tagged data set, in its order."""
    infos: Iterable[dict] = map(dataset.get_data_info, range(len(dataset)))
    return [folder / f'{dataset.name_of(info)}{suffix}' for info in infos]
