"""Our values of a recorded DeepLabV2: its levels, losses, parameter groups and schedule."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..startup.packaged import configs_folder
from ..training.optim import GroupedOptimConstructor
from ..weak.retraining import DeepLabV2, SteppedPolyLR
from ..weak.retraining.balanced_loss import nearest
from ..weak.retraining.published_names import our_name
from .recorded_towers import Recorded

_SCHEDULE = '_base_/schedules/sgd_stepped_poly.py'


def retraining_values(file: Recorded) -> Iterator[tuple[str, Any]]:
    """Everything of a file of a retraining."""
    model = _model(file)
    theirs = {our_name(name): name for name in file.state()}
    yield 'groups', {name: [theirs[one] for one in group] for name, group in _groups(model).items()}
    model.requires_grad_(True)  # the published gradients are of the norms, too
    pictures = file.tensor('image').flip(-1) - torch.tensor(file.config['mean_bgr'])
    pictures = pictures.permute(0, 3, 1, 2)
    labels = file.tensor('label')
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one[None])) for one in labels]
    levels = model.levels(pictures)
    yield 'logits_eval', model.logits(pictures)
    balanced = model.loss(pictures, samples)
    model.balanced = False
    plain = model.loss(pictures, samples)
    for index, logits in enumerate(levels):
        yield f'level{index}/logits', logits
        yield f'level{index}/label', nearest(labels, tuple(logits.shape[-2:]))
        parts = [balanced[f'loss_{half}_{index}'] for half in ('background', 'foreground')]
        yield f'level{index}/balanced', sum(parts)
        yield f'level{index}/plain', plain[f'loss_{index}']
    loss = sum(balanced.values())
    yield 'loss', loss
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(loss, list(named.values()))
    norms = zip(named, grads, strict=True)
    yield 'grad_norms', {theirs[name]: float(grad.norm()) for name, grad in norms}
    yield 'schedule', _rates(file.text('schedule_config'), len(file.arrays['schedule']))


def _model(file: Recorded) -> DeepLabV2:
    """Our network with the recorded weights, read as a published checkpoint is."""
    config, state = file.config, file.state()
    backbone = dict(
        type='AtrousResNet',
        pretrained=False,
        blocks=tuple(config['blocks']),
        width=config['width'],
    )
    names = [str(number) for number in range(config['classes'])]
    model = DeepLabV2(names, backbone, rates=config['rates'], scales=config['scales'])
    model.load_state_dict(model.of_published({n: v.float() for n, v in state.items()}))
    return model.train()


def _groups(model: nn.Module) -> dict[str, list[str]]:
    """Our names of the parameters that train, by the multiple of the rate."""
    schedule = Config.fromfile(configs_folder() / _SCHEDULE)
    multipliers = schedule.optim_wrapper.paramwise_cfg
    optimizer = dict(type='SGD', lr=1.0, weight_decay=1.0)
    names = {id(value): name for name, value in model.named_parameters()}
    groups: dict[str, list[str]] = {}
    built = GroupedOptimConstructor(dict(optimizer=optimizer), multipliers)(model)
    for group in sorted(built.optimizer.param_groups, key=lambda group: group['lr']):
        name = f'{group["lr"]:g}x'
        if group['weight_decay'] != float(group['lr'] < 20):  # published: none for biases
            name += f' decay {group["weight_decay"]:g}'
        groups[name] = groups.get(name, []) + [names[id(one)] for one in group['params']]
    return groups


def _rates(config: dict[str, Any], count: int) -> Tensor:
    """The learning rate after each of the first steps."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config['lr'])
    schedule = SteppedPolyLR(
        optimizer, total=config['iterations'], every=config['step'], power=config['power']
    )
    rates = []
    for _ in range(count):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]['lr'])
    return torch.tensor(rates, dtype=torch.float64)
