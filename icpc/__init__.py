"""CLIP-guided semantic segmentation.

`import icpc` is quick: what it offers is imported when it is asked for, and mmseg's registry gets
icpc's parts before the first of them is looked up.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .startup import program, registration
from .startup.quiet import quiet_imports

if not program.is_command():  # a command does it when its work begins, so that --help is quick
    from .startup import opencv  # noqa: F401  (it says what to do where cv2 fails)

registration.arrange()

__version__ = '0.1.0'
_PUBLIC = {  # name -> the module that has it
    'build_model': 'building',
    'load_clip_model': 'inference.load_model',
    'load_config': 'config',
    'load_model': 'inference.load_model',
}
__all__ = [*_PUBLIC, 'backbones', 'clip', 'heads', 'losses', 'necks', 'prompts', 'segmentors']


def __getattr__(name: str) -> Any:
    """What is asked for first: a public function, or a module of the package."""
    if name in _PUBLIC:
        with quiet_imports():
            module = import_module(f'{__name__}.{_PUBLIC[name]}')
        value = getattr(module, name)
        globals()[name] = value
        return value
    if not name.startswith('_') and any(name == found.name for found in iter_modules(__path__)):
        return import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
