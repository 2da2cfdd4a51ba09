"""Our values of a recorded classifier of tags: its network, its loss and its activation maps."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ..picture_sizes import FittingPreProcessor
from ..startup.packaged import configs_folder
from ..training.optim import GroupedOptimConstructor
from ..weak.stages import TagClassifier
from .recorded_towers import Recorded
from .weak_losses import IMAGENET, imagenet_pictures

_PUBLISHED = 'resnet50.'
_OURS = 'backbone.net.'
_STEM = {'conv1': 0, 'bn1': 1, 'layer1': 4}  # places in the published first stage


def cam_values(file: Recorded) -> Iterator[tuple[str, Any]]:
    """Everything of a file of a classifier."""
    pictures, tags = imagenet_pictures(file.tensor('image')), file.tensor('label').float()
    model = _model(file, norm_eval=True)
    yield 'names', sorted(_published_names(model))
    yield from _classification_values(model, pictures, tags)
    with torch.no_grad():
        features = model.extract_feat(pictures)
        yield 'feature_eval', features
        yield 'maps_eval', model.classifier(features).sigmoid()
        yield from _map_values(file, model, pictures[:1], tags[:1])
    yield from _training_values(_model(file, norm_eval=False), pictures)


def _model(file: Recorded, norm_eval: bool) -> TagClassifier:
    """Our classifier with the recorded weights, read as a published checkpoint is."""
    config, state = file.config, file.state()
    backbone = dict(
        type='Stride16ResNet',
        pretrained=False,
        norm_eval=norm_eval,
        blocks=tuple(config['layers']),
        width=config['width'],
    )
    names = [str(number) for number in range(len(state['classifier.weight']) + 1)]
    mean, std = ([255 * one for one in three] for three in IMAGENET)
    pixels = FittingPreProcessor(mean=mean, std=std)
    model = TagClassifier(names, backbone, scales=config['scales'], data_preprocessor=pixels)
    own = {name: value.float() for name, value in state.items()}
    model.load_state_dict(_counters(model) | (model.of_published(own) or {}))
    return model.train()


def _counters(model: nn.Module) -> dict[str, Tensor]:
    return {n: v for n, v in model.state_dict().items() if n.endswith('num_batches_tracked')}


def _classification_values(
    model: TagClassifier, pictures: Tensor, tags: Tensor
) -> Iterator[tuple[str, Any]]:
    logits = model.maps(pictures).mean((2, 3))
    loss = F.multilabel_soft_margin_loss(logits, tags)
    yield 'cls/logits', logits
    yield 'cls/loss', loss
    yield 'cls/grad_norms', _grad_norms(model, loss)
    yield 'cls/frozen', [_theirs(n) for n, v in model.named_parameters() if not v.requires_grad]


def _training_values(model: TagClassifier, pictures: Tensor) -> Iterator[tuple[str, Any]]:
    """In training mode with batch statistics, the running ones after it, and the optimiser."""
    maps = model.maps(pictures).sigmoid()
    yield 'maps_train', maps
    yield 'grad_norms_train', _grad_norms(model, maps.square().mean())
    for name, value in model.state_dict().items():
        yield f'after/{_theirs(name)}', value
    schedule = Config.fromfile(configs_folder() / '_base_/schedules/sgd_poly_cam.py')
    multipliers = schedule.optim_wrapper.paramwise_cfg
    build = GroupedOptimConstructor(dict(optimizer=dict(type='SGD', lr=1.0)), multipliers)
    names = {id(value): _theirs(name) for name, value in model.named_parameters()}
    groups = sorted(build(model).optimizer.param_groups, key=lambda group: group['lr'])
    yield 'groups', [sorted(names[id(one)] for one in group['params']) for group in groups]


def _map_values(
    file: Recorded, model: TagClassifier, picture: Tensor, tags: Tensor
) -> Iterator[tuple[str, Any]]:
    """The maps of the first picture at every scale, their sums and the labels."""
    views = [model.scaled_maps(picture, scale) for scale in model.scales]
    yield 'scaled_sizes', torch.tensor([view.shape[-2:] for view, _ in views])
    for index, (view, maps) in enumerate(views):
        both = torch.cat([view, view.flip(-1)])
        yield f'scale{index}/input_mean', both.mean((2, 3))
        corner = file.arrays.get(f'scale{index}/input_corner')
        if corner is not None:
            yield f'scale{index}/input_corner', view[0, :, : corner.shape[1], : corner.shape[2]]
        yield f'scale{index}/cam', maps[0]
    keys = tags[0].nonzero().flatten()
    yield 'keys', keys
    cells = model.cam(picture, tags, stride=4)[0, keys]
    yield 'cam', cells
    yield 'strided_size', torch.tensor(cells.shape[1:])
    full = model.cam(picture, tags)[0, keys]
    yield 'high_res', full
    stride = model.backbone.strides[-1]
    yield 'strided_up_size', torch.tensor([-(-side // stride) * stride for side in full.shape[1:]])
    for name in file.arrays:
        if name.startswith('labels_'):
            model.threshold = float(name.removeprefix('labels_'))
            yield name, _labels(model, picture, tags)


def _labels(model: TagClassifier, picture: Tensor, tags: Tensor) -> Tensor:
    (found,) = model.predict(picture, [SegDataSample(metainfo=dict(tags=tags[0]))])
    return found.pred_sem_seg.data[0]


def _grad_norms(model: nn.Module, loss: Tensor) -> dict[str, float | None]:
    """The length of each parameter's gradient by its published name; None for a frozen one."""
    named = dict(model.named_parameters())
    trained = [name for name, value in named.items() if value.requires_grad]
    grads = torch.autograd.grad(loss, [named[name] for name in trained])
    norms = {name: float(grad.norm()) for name, grad in zip(trained, grads, strict=True)}
    return {_theirs(name): norms.get(name) for name in named}


def _theirs(name: str) -> str:
    return name.replace(_OURS, _PUBLISHED)


def _published_names(model: nn.Module) -> Iterator[str]:
    """Every name under which a published checkpoint holds a tensor of the model."""
    for name in model.state_dict():
        if not name.startswith(_OURS):
            yield from (name, name.replace('classifier.', 'newly_added.0.'))
            continue
        inner = name.removeprefix(_OURS)
        part, _, rest = inner.partition('.')
        if part in _STEM:
            stage, within = 1, f'{_STEM[part]}.{rest}'
        else:
            stage, within = int(part.removeprefix('layer')), f'0.{rest}'
        yield from (_PUBLISHED + inner, f'stage{stage}.{within}', f'backbone.{stage - 1}.{within}')
