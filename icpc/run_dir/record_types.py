"""What the values of a `run.json` may be; a file that a hand has edited may hold anything."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..errors import UserError

Named = dict[str, Any] | None
Number = float | None


class _Prints(TypedDict, total=False):
    config: str | None
    code: str | None
    weights: str | None
    data: dict[str, str | None] | None


class _Git(TypedDict, total=False):
    commit: str | None
    dirty: bool | None


class _Machine(TypedDict, total=False):
    host: str | None
    processor: str | None
    threads: int | None
    gpus: list[str] | None


class _Start(TypedDict, total=False):
    started: float
    seconds: Number
    max_iters: int | None
    memory_mib: dict[str, float]


class _Record(TypedDict, total=False):
    state: str
    run: str | None
    reproduce: str | None
    seed: int | None
    steps: int | None
    seconds: Number
    fingerprints: _Prints | None
    git: _Git | None
    versions: dict[str, str] | None
    machine: _Machine | None
    batch: dict[str, int | None] | None
    metrics: dict[str, dict[str, Number]] | None
    parameters: dict[str, int] | None
    memory_mib: dict[str, float] | None
    segments: list[_Start] | None


_CHECK = TypeAdapter(_Record)


def check_types(tree: dict[str, Any], path: Path) -> None:
    """Raise for a value that no version of icpc would have written.

    Args:
        tree: The record.
        path: The path of its file, for the message.

    Raises:
        UserError: With the key and the value.
    """
    try:
        _CHECK.validate_python(tree, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = '.'.join(map(str, first['loc']))
        given = repr(first['input'])[:60]
        raise UserError(
            f'{path}: is damaged or was edited ({key}: {first["msg"]}, got {given}); put back a '
            'whole copy, or move the file away'
        ) from error
