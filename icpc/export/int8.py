"""The int8 variant of an ONNX file: convolutions in eight bits, scaled by pictures."""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from ..errors import UserError
from ..files import put_in_place
from .parity import Parity, compare, onnx_runner

# Text and attention stay float: an eighth of the time of a ResNet, and most of the accuracy.
_KINDS = ('Conv',)


def quantize(source: Path, path: Path, model: nn.Module, pictures: Sequence[Tensor]) -> Parity:
    """Write the int8 variant: weights for each channel, activations by the range of pictures.

    Args:
        source: An ONNX file of `export_model`.
        path: Of the new file, which has the same inputs, outputs and metadata.
        model: What `source` was made of.
        pictures: RGB batches (B, 3, H, W), 0 .. 255, such as the model sees; of the training.

    Returns:
        How far the file is from the model on these pictures; no bound is held here.

    Raises:
        UserError: No pictures.
    """
    if not pictures:
        raise UserError('--int8 needs pictures to find the ranges of activations: --calibrate DIR')
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(pictures)

        def get_next(self) -> dict | None:
            batch = next(self.left, None)
            return None if batch is None else {'pictures': batch.numpy()}

    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # onnxruntime writes its advice there
    try:
        with (
            warnings.catch_warnings(),
            tempfile.TemporaryDirectory() as folder,
            put_in_place(path) as temporary,
        ):
            warnings.simplefilter('ignore')
            plain = Path(folder) / 'plain.onnx'
            quant_pre_process(source, plain, skip_symbolic_shape=True)
            quantization.quantize_static(
                plain,
                temporary,
                Reader(),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=list(_KINDS),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            _copy_metadata(source, temporary)
    finally:
        logging.root.setLevel(level)
    return compare(model, onnx_runner(path), pictures)


def _copy_metadata(source: Path, path: Path) -> None:
    import onnx

    model, known = onnx.load(path), onnx.load(source, load_external_data=False).metadata_props
    del model.metadata_props[:]
    model.metadata_props.extend(known)
    onnx.save(model, path)
