"""A published DenseCLIP checkpoint as one of ours."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from ..checkpoints.content import save_atomically
from ..clip.denseclip import load_denseclip
from ..clip.weights import read_state_dict
from ..config.load import load_config
from ..errors import UserError


def import_checkpoint(
    config: str, source: str, out: str, overrides: Sequence[str] = ()
) -> list[str]:
    """Loads a published checkpoint into a config's model, strictly, and saves it under our names.

    Args:
        config: one of ``configs/denseclip``.
        source: DenseCLIP's ``.pth``.
        out: where ours goes.
        overrides: as ``--cfg-options``.

    Returns:
        the overrides that the config needs for the imported weights.

    Raises:
        UserError: the checkpoint does not fit the config's model, or is unsafe to read.
    """
    loaded = load_config(config, [*overrides, 'model.clip.pretrained=None'])
    init_default_scope('mmseg')
    try:
        model = MODELS.build(loaded.model)
        load_denseclip(model, read_state_dict(source)[0])
    except ValueError as error:
        raise UserError(str(error)) from error
    save_atomically(dict(state_dict=model.state_dict()), Path(out))
    rows = model.prompter.pre.text_encoder.num_positions
    needed = [f'model.prompter.text_encoder.num_positions={rows}']
    if getattr(model.backbone, 'double_class_embedding', False):
        needed.append('model.backbone.double_class_embedding=True')
    return needed
