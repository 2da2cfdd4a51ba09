"""How mmseg's registry gets icpc's parts, without `import icpc` importing all of them.

Where mmseg's registry is there already, `import icpc` fills it at once. Where it is not,
its registries learn, when it is imported, which module fills them, and mmengine imports that
module before it looks a type up for the first time.
"""

import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

_REGISTRY = 'mmseg.registry'
_ALL = 'icpc.all_parts'  # imports every part


def fill() -> None:
    """Register every part of icpc, and of MMSegmentation before."""
    import_module(_ALL)


def arrange() -> None:
    """Let the registry be filled before it is used; `import icpc` calls this."""
    if _REGISTRY in sys.modules:
        fill()
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


def _tell(registry: ModuleType) -> None:
    """Add the module that fills them to what mmengine imports for each registry of mmseg's."""
    from mmengine.registry import Registry

    for value in vars(registry).values():
        if isinstance(value, Registry) and value.scope == 'mmseg':
            value._locations = [*value._locations, _ALL]


class _Watch(importlib.abc.MetaPathFinder):
    """Finds nothing itself: it acts once mmseg's registry has been imported, and leaves then."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The registry's own spec, with a loader that tells its registries; None for others."""
        if name != _REGISTRY or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader)
        return spec


class _Telling(importlib.abc.Loader):
    """The loader of mmseg's registry.

    Args:
        loader: It loads the module.
    """

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and tell its registries who fills them."""
        try:
            self._loader.exec_module(module)
        except BaseException:
            sys.meta_path.insert(0, _Watch())  # whoever imports it again
            raise
        _tell(module)
