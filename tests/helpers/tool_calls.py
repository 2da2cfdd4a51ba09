"""A tool's command line within this process: a new one would import everything again."""

import contextlib
import io
import runpy
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace


def call_tool(path: Path, *words: str) -> SimpleNamespace:
    """What a tool returned and printed: `returncode`, `stdout`, `stderr`.

    Args:
        path: The tool.
        words: Its command line.
    """
    out, err, former = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = [str(path), *words]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            runpy.run_path(str(path), run_name='__main__')
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = former
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())
