"""mmengine's readers of weights, YAML and pickles, with ours in their place: they run nothing.

`init_cfg=dict(type='Pretrained', ...)` goes through its loader, which falls back to unpickling
whatever a file holds; `_base_` and annotation files through its handlers.
"""

from functools import partial
from pathlib import Path
from typing import Any

import yaml
from mmengine.fileio import register_handler
from mmengine.fileio.handlers import PickleHandler, YamlHandler
from mmengine.runner import checkpoint
from torch.hub import load_state_dict_from_url

from ..errors import UserError
from .content import load_checkpoint


def _load(file: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
    """In the place of mmengine's; it is given paths, and the bytes of remote stores."""
    if not isinstance(file, (str, Path)):
        raise UserError('weights are read from files alone; download the file and give its path')
    return load_checkpoint(file, map_location or 'cpu')


@register_handler(['yaml', 'yml'])
class _PlainYaml(YamlHandler):
    def load_from_fileobj(self, file: Any, **_: Any) -> Any:
        return yaml.safe_load(file)


@register_handler(['pickle', 'pkl'])
class _NoPickle(PickleHandler):
    def load_from_fileobj(self, file: Any, **_: Any) -> Any:
        raise UserError(
            f'{getattr(file, "name", "a pickle")}: refused, a pickle could run code when it is '
            'read; give JSON'
        )

    def load_from_path(self, filepath: str, **_: Any) -> Any:
        with open(filepath, 'rb') as file:
            return self.load_from_fileobj(file)


checkpoint._safe_torch_load = _load
checkpoint.load_url = partial(load_state_dict_from_url, weights_only=True)
