import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn
from torch.nn import functional as F

from icpc.training.global_mean import ALL_OTHER_TERMS, GlobalMean, mean_of_step, weighted


class Net(nn.Module):
    """Per-pixel class scores that are its only parameters, and their cross-entropy."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.tensor([0.3, -0.2, 0.9]))

    def forward(self, samples, mode='loss'):
        labels = torch.cat([s.gt_sem_seg.data for s in samples]).flatten()
        scores = self.scores.expand(len(labels), 3)
        total = F.cross_entropy(scores, labels, ignore_index=255, reduction='sum')
        loss = total / (labels != 255).sum().clamp(min=1)
        return {'loss_a': loss, 'parts': [loss, 2 * loss]} if mode == 'loss' else scores


def sample(*labels):
    return SegDataSample(gt_sem_seg=PixelData(data=torch.tensor(labels).reshape(1, 1, -1)))


SAMPLES = [
    sample(0, 1, 2, 2),
    sample(255, 255, 255, 1),
    sample(2, 255, 255, 0),
    sample(255, 255, 255, 255),
]


def step(net, mean, parts):
    net.zero_grad()
    logs = []
    batches = [dict(data_samples=part) for part in parts]
    for part, weights in zip(parts, mean.weigh(batches), strict=True):
        losses = weighted(net(part), weights)
        (losses['loss_a'] / len(parts)).backward()
        logs.append({'loss_a': losses['loss_a'], 'second': losses['parts'][1]})
    return mean_of_step(logs)[0], net.scores.grad.clone()


@pytest.mark.parametrize('size', [1, 2])
def test_passes_give_the_loss_and_gradient_of_the_whole_batch(size):
    net = Net()
    mean = GlobalMean(net)
    whole, gradient = step(net, mean, [SAMPLES])
    parts = [SAMPLES[first : first + size] for first in range(0, 4, size)]
    log, again = step(net, mean, parts)
    torch.testing.assert_close(log, whole)
    torch.testing.assert_close(again, gradient)
    unweighted = sum(net(part)['loss_a'] for part in parts) / len(parts)
    assert abs(unweighted - whole['loss_a']) > 0.05


def test_a_model_s_own_units_and_nothing_labelled():
    net = Net()
    net.loss_units = lambda samples: {ALL_OTHER_TERMS: 1, 'loss_a': len(samples)}
    weights = GlobalMean(net).weigh(
        [dict(data_samples=SAMPLES[:3]), dict(data_samples=SAMPLES[3:])]
    )
    assert [w['loss_a'] for w in weights] == [1.5, 0.5]
    assert [w[ALL_OTHER_TERMS] for w in weights] == [1, 1]
    empty = GlobalMean(Net()).weigh([dict(data_samples=SAMPLES[3:])] * 2)
    assert [w[ALL_OTHER_TERMS] for w in empty] == [1, 1]
