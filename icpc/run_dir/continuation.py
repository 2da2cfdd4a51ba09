"""What may differ when a run is resumed, and what may not: one run has one recipe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..console.messages import say
from ..errors import UserError
from ..files import read_json
from .config_difference import Change, changes
from .record import RESOLVED
from .same_run import FREE, ODD_CONFIG, Part, differences, settings

_MOST_KEYS, _MOST_CHARACTERS = 12, 60


def check_recipe(
    work_dir: Path, former: dict[str, Any], record: dict[str, Any], now: dict[str, Any]
) -> None:
    """Compare this start with the run's resolved config; by its hash where the file is damaged.

    Args:
        work_dir: The work directory of the run.
        former: The record of the run.
        record: The record of the start to come.
        now: The resolved config of the start to come.

    Raises:
        UserError: For another recipe.
    """
    path = work_dir / RESOLVED
    if not path.is_file():
        return
    try:
        before = read_json(path)
        settings(before, former['fingerprints'])
    except (UserError, *ODD_CONFIG) as error:
        hashes = [entry['fingerprints'].get('config') for entry in (former, record)]
        say(f'note: {error if isinstance(error, UserError) else f"{path}: is damaged"}')
        if None not in hashes and hashes[0] != hashes[1]:
            raise UserError(
                f'{path}: is damaged, and by its hash in the record this is another recipe than '
                f'the run began with: give the options of the former run ({work_dir}/config.py '
                'holds them)'
            ) from error
        return
    check_continues(work_dir, former, before, record, now)


def check_continues(
    work_dir: Path, former: dict[str, Any], before: dict[str, Any], record: dict[str, Any], now: Any
) -> None:
    """Refuse to go on with a run under another recipe; say what differs besides.

    A resumed run takes its schedules from the checkpoint, so a longer one keeps them.

    Args:
        work_dir: The work directory of the run.
        former: The record of the run.
        before: The resolved config of the run.
        record: The record of the start to come.
        now: The resolved config of the start to come.

    Raises:
        UserError: With the keys that differ.
    """
    old, new = former['fingerprints'], record['fingerprints']
    # load_from may be left out: nothing reads it again
    if 'weights' in old and '+' not in (new['weights'] or ''):
        old = {**old, 'weights': (old['weights'] or '').partition('+')[0] or None}
        before = {key: value for key, value in before.items() if key != 'load_from_partial'}
    length, longer = ((tree.get('train_cfg') or {}).get('max_iters') for tree in (before, now))
    is_longer = None not in (length, longer) and longer > length
    free = FREE | {Part.LENGTH} if is_longer else FREE
    found = differences(settings(before, old), settings(now, new), free)
    if found:
        raise UserError(
            f'{work_dir}: --resume goes on with the run as it began, but these differ (former -> '
            f'new): {_listed(found)}. Give the options of the former run ({work_dir}/config.py '
            'holds them), or begin another run: a new --work-dir, and '
            'load_from=CHECKPOINT for the weights of this one'
        )
    if is_longer:
        say(
            f'max_iters {length} -> {longer}: the schedules stay those of {length} steps, the '
            f'learning rate keeps its last value from step {length} on'
        )
    for key, one, other in _software(former, record):
        say(f'note: the run goes on with another {key}: {one} -> {other}')


def _software(former: dict[str, Any], record: dict[str, Any]) -> Iterator[Change]:
    codes = [entry['fingerprints']['code'] for entry in (former, record)]
    yield from changes(*codes, 'version of the code')
    yield from changes(former.get('versions'), record.get('versions'))


def _listed(found: list[Change]) -> str:
    """`key: former -> new`, without the entries that a variable among them was put into."""
    variables = [(old, new) for key, old, new in found if '.' not in key]
    shown = [c for c in found if '.' not in c[0] or (c[1], c[2]) not in variables]
    texts = [f'{key}: {_short(old)} -> {_short(new)}' for key, old, new in shown[:_MOST_KEYS]]
    more = len(shown) - len(texts)
    return '; '.join(texts) + (f'; and {more} more' if more else '')


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + '...'
