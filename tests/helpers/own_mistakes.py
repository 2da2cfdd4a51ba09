"""Own code with mistakes, as users write it; line numbers are looked up by the marks."""

from mmengine.hooks import Hook
from mmseg.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from torch import nn
from toy_parts import ToyDataset

from icpc.evaluation.streaming_iou import StreamingIoU
from icpc.parts import AlignmentLoss


@HOOKS.register_module()
class BrokenHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        open('my list.txt')  # noqa: SIM115 hook


@TRANSFORMS.register_module()
class BrokenStep:
    def __call__(self, results):
        raise FileNotFoundError('my list.txt')  # step


@METRICS.register_module()
class BrokenMetric(StreamingIoU):
    def process(self, data_batch, data_samples):
        return data_batch['nothing']  # metric


@DATASETS.register_module()
class BrokenDataset(ToyDataset):
    def get_data_info(self, index):
        return super().get_data_info(place)  # noqa: F821 dataset


@MODELS.register_module()
class BrokenLoss(AlignmentLoss):
    def forward(self, features, text, score_maps, labels):
        return score_map.mean()  # noqa: F821 loss


@MODELS.register_module()
class BrokenInit(nn.Module):
    def __init__(self, kind='value'):
        super().__init__()
        if kind == 'value':
            _, _ = 1, 2, 3  # value
        elif kind == 'attribute':
            self.nothing  # noqa: B018 attribute
        elif kind == 'import':
            import not_there_at_all  # noqa: F401 import
        elif kind == 'key':
            {}['nothing']  # noqa: B018 key
        nn.Conv2d(3, 'x', 1)  # type


@MODELS.register_module()
class BrokenForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(1, 1)

    def forward(self, images):
        return nn.functional.linear(images, images)  # forward
