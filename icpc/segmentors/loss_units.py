"""What each loss is a mean over, so that passes and ranks of different counts weigh rightly."""

from collections.abc import Sequence
from functools import partial

from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..head_units import Count, add_up, head_counts, labelled
from ..parts import AlignmentLoss


class LossUnits:
    """For a model with backbone, head, alignment losses, class names and held-out classes."""

    def loss_counts(self) -> dict[str, Count]:
        """What each loss counts in a picture's labels (H, W), the held-out ones hidden.

        Under the empty name the labelled pixels, for all terms that have no name here.

        Raises:
            UserError: a loss whose mean over passes and ranks is not that of the global batch.
        """
        counts = {'': partial(labelled, ignore_index=self.decode_head.ignore_index)}
        counts |= head_counts(self)
        number = len(self.class_names if self.held_out is None else self.held_out.kept)
        for name, loss in self.losses.items():
            if type(loss).units is not AlignmentLoss.units:
                counts[f'loss_{name}'] = partial(_units, loss=loss, num_classes=number)
        return counts

    def loss_units(self, data_samples: Sequence[SegDataSample]) -> dict[str, Tensor | float]:
        """How many units each loss of these samples is the mean of.

        Args:
            data_samples: B samples with ``gt_sem_seg`` (1, H, W), each of a size of its own: they
                are counted one by one, as they come from the data set.

        Returns:
            term -> a scalar, as :meth:`loss_counts` names them.
        """
        device = next(self.backbone.parameters()).device
        pictures = [sample.gt_sem_seg.data.squeeze(0).to(device) for sample in data_samples]
        if self.held_out is not None:
            pictures = [self.held_out.hide(picture) for picture in pictures]
        return add_up(self.loss_counts(), pictures)


def _units(labels: Tensor, loss: nn.Module, num_classes: int) -> Tensor:
    return loss.units(labels[None], num_classes)
