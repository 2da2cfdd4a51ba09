"""Importing this fills mmseg's registry: MMSegmentation's own parts first, then every one of ours.

Some of ours take the place of MMSegmentation's under the same name, so the order matters.
"""

from .startup import opencv  # noqa: F401  isort: skip  (first: it says what to do where cv2 fails)
from mmseg.utils import register_all_modules

register_all_modules(init_default_scope=False)

from . import (  # noqa: E402, F401
    backbones,
    checkpoints,
    clip,
    console,
    datasets,
    evaluation,
    heads,
    losses,
    necks,
    prompts,
    run_dir,
    segmentors,
    training,
    weak,
)
