"""Puts the recipes of `configs/` and the scripts of `tools/` into the package that is built.

Both stay at the top of the repository, where an editable installation finds them.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
COPIED = {'configs': '**/*.py', 'tools': '*.py'}


class BuildWithRecipes(build_py):
    """Copies them as `icpc/configs` and `icpc/tools`."""

    def run(self) -> None:
        """Build the package, then add them; an editable installation needs no copy."""
        super().run()
        if self.editable_mode:
            return
        for folder, pattern in COPIED.items():
            target = Path(self.build_lib) / 'icpc' / folder
            shutil.rmtree(target, ignore_errors=True)  # what an older build left
            for path in sorted((ROOT / folder).glob(pattern)):
                copy = target / path.relative_to(ROOT / folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


setup(cmdclass={'build_py': BuildWithRecipes})
