"""Tells a model in training which name each class has in each picture."""

from typing import Any

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor
from torch.utils.data import Dataset

from ...building import bare
from ...console.messages import say
from ...errors import UserError
from ..stages.clims_classifier import CLIMSClassifier
from ..tags.tagged_datasets import tag_path
from .choosing import choose, own_share, pictures_of, place_vector
from .tables import places_of_table

_KEY = 'chosen_names'  # of a checkpoint


@HOOKS.register_module()
class NameChoiceHook(Hook):
    """Reads `model.choices`, or chooses names before the first and every `model.refresh`-th step.

    A table is held against the pictures, tags and names before the first step. Ranks share the
    work of a choice and all have its outcome. A checkpoint holds the choices of its run; what goes
    on from it takes them, and is refused where its table says otherwise.

    Raises:
        UserError: A table that lacks a picture or a class, or has a name that is no candidate.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._places: Tensor | None = None  # (pictures, K)
        self._saved: Tensor | None = None  # of the checkpoint that the run goes on from
        self._dataset: Dataset | None = None

    def before_train(self, runner: Runner) -> None:
        """Read the table, or take the choices of the checkpoint."""
        model = bare(runner.model)
        if not isinstance(model, CLIMSClassifier) or not model.chooses:
            return
        dataset = runner.train_dataloader.dataset
        if model.refresh is not None:
            if runner.cfg.get('parallel') == 'fsdp2':
                raise UserError("model.refresh cannot choose with parallel='fsdp2'; take 'ddp'")
            self._dataset = pictures_of(runner.cfg)
            if self._saved is not None:
                self._take(model, dataset, self._saved)
            return
        path = tag_path(model.choices, dataset.data_root)
        places = places_of_table(path, dataset, model)
        if self._saved is not None and not torch.equal(self._saved, places):
            raise UserError(
                f'{path}: model.choices has changed since this run began; put the former table '
                'back, or begin a new run in another work dir'
            )
        self._take(model, dataset, places)

    def before_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Choose again where it is due."""
        model = bare(runner.model)
        if self._dataset is None or runner.iter % model.refresh:
            return
        model.eval()
        places = torch.full((len(self._dataset), len(model.names)), -1, dtype=torch.int16)
        for index in range(get_rank(), len(places), get_world_size()):
            places[index] = place_vector(choose(model, self._dataset, index), places.shape[1])
        model.train()
        if get_world_size() > 1:
            shared = places.to(model.first_name)
            all_reduce(shared, op='max')
            places = shared.cpu().short()
        self._take(model, runner.train_dataloader.dataset, places)
        say(f'step {runner.iter}: names chosen, {own_share(places):.1%} keep the own name')

    def _take(self, model: CLIMSClassifier, dataset: Dataset, places: Tensor) -> None:
        if places.shape != (len(dataset), len(model.names)):
            raise UserError(
                f'the checkpoint has chosen names of {tuple(places.shape)} pictures and classes, '
                f'the data set has {len(dataset)} and {len(model.names)}; begin a new run'
            )
        paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
        model.places = dict(zip(paths, places.clamp(min=0).long(), strict=True))
        self._places = places

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Save the choices."""
        if self._places is not None:
            checkpoint[_KEY] = self._places

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note those of a run that goes on."""
        if runner.cfg.get('resume'):
            self._saved = checkpoint.get(_KEY)
