"""Stages that are trained: whether they are done, and how they are made or gone on with."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..checkpoints.newest import newest_whole
from ..config.load import load_config
from ..console.messages import say
from ..errors import ToldToStop, UserError
from ..ranks.first_rank import on_first_rank
from ..run_dir.record import RunRecord
from ..run_dir.same_run import (
    differences,
    recorded_fingerprint,
    recorded_settings,
    run_fingerprint,
    settings,
)
from ..run_dir.starts import describe
from .shared_stages import take_stage

Train = Callable[..., Any]  # icpc.commands.train.train
_MOST = 3  # differences that a message names


class Stopped(ToldToStop):
    """A stage was told to stop, and has saved itself.

    Args:
        name: Of the stage.
        code: The exit code.
    """

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f'{name}: stopped as told, and saved; the same command goes on from here')
        self.exit_code = code


def is_done(config: Path, options: dict[str, Any], folder: Path) -> bool:
    """Whether a stage was trained to its end, by the same recipe from the same data and weights.

    Args:
        config: Its config.
        options: Overrides.
        folder: Its work directory.

    Raises:
        UserError: It is finished, but was made of something else.
    """
    if not RunRecord.if_whole(folder).finished:
        return False
    changed = _made_of_others(config, options, folder)
    if changed:
        raise UserError(
            f'{folder} holds a finished run of {changed}: remove it to '
            'make it again, or give another --out'
        )
    return True


def _made_of_others(config: Path, options: dict[str, Any], folder: Path) -> str:
    """What else than these a finished run was made of, in words; empty where it is the same.

    Where files lie does not count, as far as their content is known.
    """
    cfg = finished(config, options, folder)
    new = settings(cfg.to_dict(), describe(cfg, options)['fingerprints'])
    found = [key for key, _, _ in differences(recorded_settings(folder), new)]
    words = [f'other {key.removeprefix("fingerprint of the ")}' for key in found]
    more = [f'{len(words) - _MOST} other settings'] if len(words) > _MOST else []
    return ', '.join(words[:_MOST] + more)


def finished(config: Path, options: dict[str, Any], folder: Path) -> Config:
    """The finished config of a stage."""
    return load_config(config, options, folder)


def make(
    train: Train,
    name: str,
    config: Path,
    options: dict[str, Any],
    folder: Path,
    share: bool = False,
    **how: Any,
) -> None:
    """Train a stage unless it is done; one that was killed goes on.

    Args:
        train: What trains a config.
        name: Of the stage.
        config: Its config.
        options: Overrides.
        folder: Its work directory.
        share: Take it from a plan's folder beside that has trained the same.
        **how: More for `train`.
    """
    find = partial(_found, config, options, folder, share)
    done, resume = on_first_rank(find, f'the start of {name}')
    if done:
        say(f'{name}: done, {folder}')
        return
    say(f'{name}: {"goes on" if resume else "begins"}, {folder}')
    try:
        train(str(config), dict(options), str(folder), resume=resume, **how)
    except ToldToStop as stop:
        raise Stopped(name, stop.exit_code) from stop


def _found(config: Path, options: dict[str, Any], folder: Path, share: bool) -> tuple[bool, bool]:
    """Whether a stage is done, and whether there is something to go on from."""
    if share:

        @cache
        def wanted() -> tuple[str | None, str]:
            cfg = finished(config, options, folder)
            prints = describe(cfg, options)['fingerprints']
            return run_fingerprint(cfg.to_dict(), prints), prints['code']

        def same(other: Path) -> bool:
            code = RunRecord.of(other).fingerprints.get('code')
            return (recorded_fingerprint(other), code) == wanted()

        take_stage(folder, same)
    done = is_done(config, options, folder)
    return done, not done and folder.is_dir() and newest_whole(folder) is not None


def checkpoint_of(folder: Path) -> Path:
    """The newest whole checkpoint of a stage.

    Raises:
        UserError: There is none.
    """
    found = newest_whole(folder)
    if found is None:
        raise UserError(f'{folder} holds no whole checkpoint; remove the folder, it is made again')
    return found
