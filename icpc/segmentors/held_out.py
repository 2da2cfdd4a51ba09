"""Training on some classes only: the others give no signal, neither for themselves nor against."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..class_lookup import class_indices
from ..errors import UserError


class HeldOutClasses(nn.Module):
    """What the training losses may see of labels, logits and texts.

    Labels of a held-out class become ignored, and its channel is left out, so that the others'
    probabilities sum to one without it: an absent class is not pushed down.

    Args:
        class_names: K names, in label order.
        held_out: those without training signal.
        ignore_index: label of pixels that do not count.

    Raises:
        UserError: an unknown or repeated name, none at all, or fewer than two classes left.
    """

    def __init__(
        self, class_names: Sequence[str], held_out: Sequence[str], ignore_index: int
    ) -> None:
        super().__init__()
        hidden = class_indices(held_out, class_names, 'held_out_classes')
        kept = [index for index in range(len(class_names)) if index not in hidden]
        if len(kept) < 2:
            raise UserError(
                f'held_out_classes leaves {len(kept)} of {len(class_names)} classes to train on; '
                'leave at least two'
            )
        new_ids = torch.full((len(class_names),), ignore_index)
        new_ids[kept] = torch.arange(len(kept))
        self.ignore_index = ignore_index
        self.register_buffer('kept', torch.tensor(kept), persistent=False)  # (K',)
        self.register_buffer('new_ids', new_ids, persistent=False)  # (K,)

    def drop(self, maps: Tensor) -> Tensor:
        """(B, K, ...) logits, scores or texts -> (B, K', ...) of the classes that are trained."""
        return maps.index_select(1, self.kept)

    def hide(self, labels: Tensor) -> Tensor:
        """Class ids of any shape -> ids in [0, K'); held-out ones are ignored."""
        inside = (labels >= 0) & (labels < len(self.new_ids))
        return torch.where(inside, self.new_ids[labels.where(inside, 0).long()], labels)

    def hide_samples(self, data_samples: Sequence[SegDataSample]) -> list[SegDataSample]:
        """New samples with the same metainfo and hidden labels."""
        return [
            SegDataSample(
                metainfo=sample.metainfo,
                gt_sem_seg=PixelData(data=self.hide(sample.gt_sem_seg.data)),
            )
            for sample in data_samples
        ]


def build_held_out(
    class_names: Sequence[str], held_out: Sequence[str] | None, head: BaseDecodeHead
) -> HeldOutClasses | None:
    """None where no class is held out.

    Raises:
        UserError: a head whose loss is not one of dense logits, or weighs classes.
    """
    if held_out is None:
        return None
    if type(head).loss is not BaseDecodeHead.loss:
        raise UserError(
            f'held_out_classes: {type(head).__name__} computes its loss from more than dense '
            'logits; take a head that does not, such as SemanticFPNHead'
        )
    losses = head.loss_decode if isinstance(head.loss_decode, nn.ModuleList) else [head.loss_decode]
    if any(getattr(loss, 'class_weight', None) is not None for loss in losses):
        raise UserError('held_out_classes: take model.decode_head.loss_decode.class_weight out')
    return HeldOutClasses(class_names, held_out, head.ignore_index)
