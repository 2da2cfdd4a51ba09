"""Our values of a recorded zero-shot prediction, by the model that predicts."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import mmcv
import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ..class_lookup import SEPARATOR
from ..clip.text.vocabulary import END, START, tokenize
from ..parts import BaseBackbone
from ..structures import CLIPFeatures
from ..weakly.refinement import refiner
from .recorded_towers import Recorded, load_visual, vit_config, vit_options

_LONGEST = 10**9  # pixels: the shorter side decides
_REFINED = 'iterations'  # of PAMR, which icpc's predictions do not have


class _Cut(BaseBackbone):
    """A backbone that leaves out what is beyond whole patches: the map stands for all the same."""

    def __init__(self, backbone: BaseBackbone) -> None:
        super().__init__()
        self.backbone, self.patch = backbone, backbone.size_divisor
        for name in ('channels', 'strides', 'dense_level', 'embed_dim'):
            setattr(self, name, getattr(backbone, name))

    def forward(self, images: Tensor) -> CLIPFeatures:
        """As the backbone."""
        height, width = (side // self.patch * self.patch for side in images.shape[2:])
        return self.backbone(images[:, :, :height, :width])


def _pamr_values(file: Recorded) -> Iterator[tuple[str, Tensor]]:
    """Pixel-adaptive refinement alone, with the settings of each case."""
    for name, settings in file.config.get('pamr', {}).items():
        images = file.tensor('pamr/image')
        maps = F.interpolate(
            file.tensor('pamr/map'), images.shape[2:], mode='bilinear', align_corners=True
        )
        refine = refiner('pamr', settings)
        pairs = zip(images, maps, strict=True)
        yield f'pamr/{name}', torch.stack([refine(*pair) for pair in pairs])


def protocol_values(file: Recorded, tower: Recorded) -> Iterator[tuple[str, Tensor]]:
    """Our values of a protocol's file, by the recorded names; a run with PAMR is left out.

    Args:
        file: With a picture, names and the settings of each run.
        tower: The weights.
    """
    words = json.loads(str(file.arrays['query_names']))
    templates = json.loads(str(file.arrays['templates']))
    length = file.arrays['token_ids'].shape[2]
    yield 'token_ids', torch.stack([_ids(word, templates, length) for word in words])
    yield from _pamr_values(file)
    runs = {
        name: run
        for name, run in file.config.items()
        if isinstance(run, dict) and 'method' in run and _REFINED not in run
    }
    for place, (name, run) in enumerate(runs.items()):
        model = _model(file, tower, run)
        if place == 0:
            yield 'query_index', torch.tensor(model.vocabulary.owners)
            yield 'text', model.encode_text()[0]
        own = f'{name}/picture_work'
        picture = _resized(file.arrays['picture'], run['short'])
        yield own if own in file.arrays else 'picture_work', torch.from_numpy(picture)
        yield from _run_values(name, run, model, file, picture)


def _run_values(
    name: str, run: dict, model: nn.Module, file: Recorded, picture: np.ndarray
) -> Iterator[tuple[str, Tensor]]:
    mean, std = (torch.tensor(file.config[key])[:, None, None] for key in ('mean', 'std'))
    inputs = ((torch.from_numpy(picture).float() - mean) / std)[None]
    meta = dict(ori_shape=file.arrays['picture'].shape[1:])
    patch, model.backbone = model.backbone.size_divisor, _Cut(model.backbone)
    if run['method'].startswith('clearclip'):
        model.cosines = partial(_centred_cosines, model.cosines, patch)
    if f'{name}/logits_grid' in file.arrays:
        yield f'{name}/logits_grid', model.extract_feat(inputs)[0]
    if f'{name}/logits' in file.arrays:
        words = list(range(len(model.vocabulary.words)))
        yield f'{name}/logits', model.word_scores(inputs, [{}], words)[0].logits
    (sample,) = model.predict(inputs, [SegDataSample(metainfo=meta)])
    labels = sample.pred_sem_seg.data[0]
    model.threshold, model.test_cfg['keep_logits'] = None, True
    (sample,) = model.predict(inputs, [SegDataSample(metainfo=meta)])
    probabilities = sample.seg_logits.data.exp()  # (K, H0, W0)
    if 'area' in run:
        probabilities = _without_small(probabilities, run['area'])
        highest, labels = probabilities.max(dim=0)
        labels = labels.where(highest >= run.get('threshold', 0), 0)
    if run['method'].startswith('naclip'):
        probabilities = probabilities / probabilities.sum(dim=0)
    yield f'{name}/probabilities', probabilities
    yield f'{name}/labels', labels


def _model(file: Recorded, tower: Recorded, run: dict) -> nn.Module:
    sliding = dict(mode='slide', crop_size=[run.get('crop')] * 2, stride=[run.get('stride')] * 2)
    names = [line.replace(', ', SEPARATOR) for line in file.config['classes']]
    templates = json.loads(str(file.arrays['templates']))
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(
            dict(
                type='ZeroShotSegmentor',
                clip=dict(model=vit_config(tower.config)),
                class_names=names,
                backbone=vit_options(run['method'], tower.config),
                prompter=dict(type='TemplatePrompter', template=templates),
                scale=run['scale'],
                threshold=run.get('threshold'),
                test_cfg=sliding if 'crop' in run else dict(mode='whole'),
            )
        )
    load_visual(model.backbone.visual, tower)
    encoder = model.prompter.text_encoder
    state = {
        n.replace('transformer.resblocks.', 'blocks.'): v
        for n, v in tower.state().items()
        if not n.startswith('visual.') and n != 'logit_scale'
    }
    rows = torch.full_like(encoder.token_embedding.weight, float('nan'))  # reading others shows
    rows[tower.tensor('token_rows/ids').long()] = tower.tensor('token_rows/values')
    encoder.load_state_dict(state | {'token_embedding.weight': rows})
    return model


def _ids(word: str, templates: list[str], length: int) -> Tensor:
    """(templates, length) token ids of a word's sentences."""
    rows = [[START, *tokenize(template.format(word)), END] for template in templates]
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


def _resized(picture: np.ndarray, short: int) -> np.ndarray:
    """(3, H, W) uint8 with another shorter side, as `Resize` does it."""
    resized = mmcv.imrescale(picture.transpose(1, 2, 0), (_LONGEST, short))
    return np.ascontiguousarray(resized.transpose(2, 0, 1))


def _centred_cosines(
    cosines: Callable[[Tensor, Tensor], Tensor], divisor: int, images: Tensor, text: Tensor
) -> Tensor:
    """(B, Q, H, W): ClearCLIP pads a window to whole patches, a half of it before."""
    height, width = images.shape[2:]
    down, right = -height % divisor, -width % divisor
    top, left = down // 2, right // 2
    padded = F.pad(images, (left, right - left, top, down - top))
    maps = cosines(padded, text)
    maps = F.interpolate(maps, size=padded.shape[2:], mode='bilinear', align_corners=False)
    return maps[:, :, top : top + height, left : left + width]


def _without_small(probabilities: Tensor, area: float) -> Tensor:
    """SCLIP's rule: classes but the first that win at most a share of what these win are out."""
    won = probabilities.argmax(dim=0).flatten().bincount(minlength=len(probabilities))
    small = won <= area * won[1:].sum()
    small[0] = False
    return probabilities.masked_fill(small[:, None, None], 0)
