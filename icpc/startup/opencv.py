"""Says how to put it right where cv2 cannot be loaded, before anything that needs it is imported.

onedl-mmcv requires opencv-python, which needs X and GL libraries that slim containers and servers
lack; opencv-python-headless is the same cv2 without windows, and needs none.
"""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from .program import is_command

_EXIT_CODE = 2  # of every tool that stops for a reason that the user can put right


def check_opencv() -> None:
    """Import cv2.

    Raises:
        ImportError: cv2 is missing, damaged, or lacks libraries of the system; with the fix.
        SystemExit: The same where a tool runs, after printing it.
    """
    try:
        import cv2

        cv2.imdecode  # noqa: B018  (what is left of an uninstalled cv2 imports as an empty package)
    except (ImportError, AttributeError) as error:
        of_cv2 = isinstance(error, AttributeError) or error.name in (None, 'cv2')
        if not of_cv2 or _headless_lacks_a_library(error):
            raise
        pip = f'{shlex.quote(sys.executable)} -m pip'
        message = (
            f'cv2 cannot be loaded ({error}). Where X and GL libraries are missing, or several '
            'distributions of OpenCV were installed over each other, this puts it right: '
            f'{pip} uninstall -y opencv-python opencv-python-headless && '
            f'{pip} install opencv-python-headless'
        )
        if not is_command():
            raise ImportError(message, name='cv2') from error
        print(f'error: {message}', file=sys.__stderr__)  # tools swallow what imports print
        raise SystemExit(_EXIT_CODE) from error


def _headless_lacks_a_library(error: Exception) -> bool:
    """Whether the headless cv2 is there already, so that the error itself says what is missing."""
    spec = find_spec('cv2')
    if 'cannot open shared object' not in str(error) or spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name('version.py')
    return version.is_file() and 'headless = True' in version.read_text()


check_opencv()
