"""What each loss is a mean over, so that passes and ranks of different counts weigh rightly."""

from collections.abc import Sequence

import torch
from mmseg.structures import SegDataSample
from torch import Tensor


class LossUnits:
    """For a model with backbone, head, alignment losses, class names and held-out classes."""

    def loss_units(self, data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        """How many units each loss of these samples is the mean of.

        Args:
            data_samples: B samples with ``gt_sem_seg`` (1, H, W).

        Returns:
            ``loss_*`` of the losses that count anything but labelled pixels, and, under the empty
            name, the labelled pixels for all others. Scalars.
        """
        samples = list(data_samples)
        num_classes = len(self.class_names)
        if self.held_out is not None:
            samples = self.held_out.hide_samples(samples)
            num_classes = len(self.held_out.kept)
        labels = torch.stack([sample.gt_sem_seg.data.squeeze(0) for sample in samples])
        labels = labels.to(next(self.backbone.parameters()).device)
        units = {'': (labels != self.decode_head.ignore_index).sum()}
        for name, loss in self.losses.items():
            if hasattr(loss, 'units'):
                units[f'loss_{name}'] = loss.units(labels, num_classes)
        return units
