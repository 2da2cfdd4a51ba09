"""Seeds: what the boundary network learns from, the pixels of CAMs that are sure enough."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..console.messages import say
from ..datasets.mask_reading import annotation_loader, decode_labels, read_labels
from ..evaluation.confusion import confusion
from ..evaluation.pictures import class_names, read_picture, save_mask
from ..evaluation.table import per_class_table, scores
from ..weak.dense_crf import SEED_CRF
from ..weak.seeds import seed_labels
from .picture_maps import Mapper, files_of, write_missing
from .pseudo_masks import MASKS
from .stage_plan import SeedPlan
from .stage_records import finished_source, recorded_stage


class Seeder(Mapper):
    """What makes the seeds of pictures.

    Args:
        source: The work directory of a stage that gives CAMs.
        plan: Thresholds.
        device: As for `icpc.load_model`.
    """

    def __init__(self, source: Path, plan: SeedPlan, device: str | None = None) -> None:
        super().__init__(source, 'none', {}, device)
        self.plan = plan

    def write(self, index: int, path: Path) -> None:
        """Write the seeds of a training picture: ids, 0 the background, the ignored one unknown.

        Args:
            index: Of the picture among all.
            path: A `.png`.
        """
        cam = self.maps(self.every, index)[0]
        kept = cam.amax(dim=(1, 2)).nonzero().flatten()
        labels = torch.zeros(cam.shape[1:], dtype=torch.long)
        if len(kept):
            image = read_picture(self.every.get_data_info(index)['img_path'], self.every)
            labels = seed_labels(
                cam[kept],
                kept,
                torch.from_numpy(image).to(cam.device),
                self.plan.foreground,
                self.plan.background,
                SEED_CRF if self.plan.crf else None,
                unknown=self.every.ignore_index,
            )['labels']
        save_mask(path, labels.cpu().numpy())


def make_seeds(
    source: Path,
    out: Path,
    plan: SeedPlan,
    workers: int | None = None,
    share: bool = False,
) -> dict[str, float]:
    """Write the seeds of each training picture of a stage that gives CAMs.

    What is there already, of the same weights and settings, is not made again.

    Args:
        source: The stage's work directory.
        out: The folder of the seeds (`masks`) and of `run.json`.
        plan: Thresholds.
        workers: Processes; None for one a core.
        share: Take them from a plan's folder beside that has made the same.

    Returns:
        On the pictures with masks, in percent: `seed_mIoU` of the pixels that are known, and
        `seed_known`, their share.
    """

    def work() -> dict[str, Any]:
        mapper = Mapper(source, 'none', {})
        files = files_of(mapper.every, out / MASKS, '.png')
        write_missing('seeds', partial(Seeder, source, plan), files, workers)
        metrics = {} if mapper.scored is None else _measured(mapper, out / MASKS)
        return {'metrics': {'train': metrics}, 'pictures': len(files)}

    settings = {MASKS: plan.model_dump()}
    return recorded_stage(out, finished_source(source), settings, work, share)


def _measured(mapper: Mapper, folder: Path) -> dict[str, float]:
    dataset, load = mapper.scored, annotation_loader(mapper.scored)
    names = class_names(dataset)
    total, known, pixels = torch.zeros(len(names), len(names), dtype=torch.int64), 0, 0
    for index, path in enumerate(files_of(dataset, folder, '.png')):
        if not path.is_file():
            continue  # a picture that does not train
        seeds = torch.from_numpy(decode_labels(path.read_bytes()).astype(np.int64))
        labels = torch.from_numpy(read_labels(dataset, index, load).astype(np.int64))
        unknown = seeds == mapper.every.ignore_index
        known, pixels = known + int((~unknown).sum()), pixels + seeds.numel()
        labels[unknown] = dataset.ignore_index
        counts = confusion(seeds, labels, len(names), dataset.ignore_index)
        total += counts[: len(names), : len(names)]
    if not pixels:
        return {}
    found = scores(total)
    share = 100 * known / pixels
    say(f'seeds on the training pictures with masks; {share:.1f} percent of the pixels are known:')
    say(per_class_table(names, {'training pictures, known pixels': found}))
    return {'seed_mIoU': found.mean_iou, 'seed_known': share}
