"""Semantic FPN for many classes."""

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads import FPNHead
from mmseg.models.losses import CrossEntropyLoss
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from ..upsampling import upsampled_cross_entropy


@MODELS.register_module()
class SemanticFPNHead(FPNHead):
    """MMSegmentation's ``FPNHead`` with upsampling and cross-entropy fused tile by tile.

    Same parameters, names and loss (averaged over the labelled pixels), but the K maps never exist
    at the labels' size; the accuracy comes from the same pass.

    Args:
        feature_strides: stride of each input, finest first.
        loss_decode: softmax cross-entropy with ``loss_weight`` and ``loss_name``.
        **kwargs: as for ``FPNHead``, which raises on an unknown one.

    Raises:
        ValueError: an option that the fused loss does not have; the message names the way out.
    """

    def __init__(
        self, feature_strides: Sequence[int], loss_decode: dict | None = None, **kwargs: Any
    ) -> None:
        loss_decode = loss_decode or dict(type='CrossEntropyLoss', avg_non_ignore=True)
        super().__init__(feature_strides=feature_strides, loss_decode=loss_decode, **kwargs)
        reason = self._unsupported()
        if reason:
            raise ValueError(
                f'SemanticFPNHead has no {reason}; take it out, or set '
                "model.decode_head.type='FPNHead', which needs far more memory for many classes"
            )

    def _unsupported(self) -> str | None:
        loss = self.loss_decode
        if type(loss) is not CrossEntropyLoss or loss.use_sigmoid or loss.use_mask:
            return 'loss but softmax cross-entropy (loss_decode.type, use_sigmoid, use_mask)'
        if loss.class_weight is not None:
            return 'class weights (loss_decode.class_weight)'
        if loss.reduction != 'mean':
            return f'reduction but the mean (loss_decode.reduction={loss.reduction!r})'
        if not loss.avg_non_ignore:
            return 'mean over ignored pixels too (set loss_decode.avg_non_ignore=True)'
        if self.sampler is not None:
            return 'pixel sampler (sampler)'
        if self.align_corners:
            return 'align_corners=True'
        if self.out_channels != self.num_classes:
            return 'single output channel for two classes (out_channels)'
        return None

    def loss_by_feat(
        self, seg_logits: Tensor, batch_data_samples: list[SegDataSample]
    ) -> dict[str, Tensor]:
        """The loss under its own name, and ``acc_seg`` in percent of the labelled pixels.

        Args:
            seg_logits: (B, K, h, w).
            batch_data_samples: B samples with ``gt_sem_seg`` (1, H, W).
        """
        labels = self._stack_batch_gt(batch_data_samples).squeeze(1)  # (B, H, W)
        loss, accuracy = upsampled_cross_entropy(seg_logits, labels, self.ignore_index)
        weighted = loss * self.loss_decode.loss_weight
        return {self.loss_decode.loss_name: weighted, 'acc_seg': accuracy * 100}
