"""The parts of a report's page, as plain values for its template."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...console.messages import say_once
from ...errors import UserError
from ...files import read_json
from ...run_dir.record import RESOLVED, RunRecord
from ...run_dir.same_run import Part, differences, recorded_settings
from ..study.runs import Run
from ..study.variables import ClassSubset
from ..tables.sheets import Sheet, clock, number, sheets
from ..tables.study_results import TableResult
from .class_results import (
    Counts,
    class_differences,
    confusions,
    draw_confusion,
    draw_differences,
    kinds,
    read_counts,
    shares,
)
from .collection import Collection
from .curves import draw_curves
from .figures import picture_uri

Section = dict[str, Any]
_NOT_SHOWN = frozenset({Part.SEED, Part.PLACE})  # gpu_batch and the like decide time and memory
_PANEL, _PANEL_WIDTH = 'panel.png', 1200  # pixels


def note(found: Collection) -> str:
    """What the page is about, and what is missing."""
    study, done = found.study, len(found.finished)
    words = [f'{done} of {len(found.runs)} runs are finished.', f'Results: {study.split} split.']
    if study.baseline is not None:
        words.append(f'Baseline: {study.baseline}; differences are paired by seed.')
        words.append(
            'Bold rows: the 95 % interval of the difference, uncorrected for the number of rows, '
            'leaves out zero; p Holm is corrected.'
        )
    codes = {run.code for run in found.finished}
    if len(codes) > 1:
        words.append(f'Made by {len(codes)} versions of the code.')
    return ' '.join(words)


def regime_parts(found: Collection, regime: str, tables: Sequence[TableResult]) -> Section | None:
    """Everything about one regime; None when none of its runs is finished."""
    rows = {row: found.of(regime, row) for row in found.study.rows}
    rows = {row: runs for row, runs in rows.items() if runs}
    if not rows:
        return None
    baseline = found.study.baseline
    folders = {row: [run.work_dir for run in runs] for row, runs in rows.items()}
    counted = {row: read_counts(runs) for row, runs in rows.items()}
    counted = {row: counts for row, counts in counted.items() if kinds(counts)}
    return {
        'title': regime or 'Results',
        'tables': _tables([table for table in tables if table.regime == regime]),
        'curves': draw_curves(folders, _panels(found), baseline),
        'classes': _classes(counted, baseline),
        'confusion': _confusion(counted, baseline),
        'pictures': _pictures(rows),
    }


def _tables(tables: Sequence[TableResult]) -> list[Section]:
    holding = {
        table.metric: [r.row for r in table.rows if r.difference and r.difference.holds]
        for table in tables
    }
    return [
        {'sheet': sheet, 'holds': holding.get(sheet.title.rpartition(': ')[2], [])}
        for sheet in sheets(tables)
    ]


def _panels(found: Collection) -> list[tuple[str, str, str]]:
    keys = [
        metric for metric in found.study.metrics.values() if not isinstance(metric, ClassSubset)
    ]
    return [('training loss', 'train', 'loss'), *((f'val {key}', 'val', key) for key in keys)]


def _classes(counted: dict[str, list[Counts]], baseline: str | None) -> list[Section]:
    parts = []
    for row in counted if baseline in counted else ():
        both = [kind for kind in kinds(counted[row]) if kind in kinds(counted[baseline])]
        found = {kind: class_differences(counted[row], counted[baseline], kind) for kind in both}
        figures = [
            {'uri': draw_differences(items), 'caption': kind.replace('_', ' ')}
            for kind, items in found.items()
            if items
        ]
        if row != baseline and figures:
            parts.append({'row': row, 'figures': figures})
    return parts


def _confusion(counted: dict[str, list[Counts]], baseline: str | None) -> list[Section]:
    parts = []
    head = {row: shares(counts, 'head') for row, counts in counted.items()}
    for row, counts in counted.items():
        names = counts[0].names
        reference = head.get(baseline) if row != baseline else None
        same_classes = reference is not None and reference.shape == head[row].shape
        worst = confusions(head[row], reference if same_classes else None, names)
        columns = ['truth', 'predicted', '%', *([f'% of {baseline}'] if same_classes else [])]
        body = [
            [c.truth, c.predicted, number(c.share, 1)]
            + ([number(c.baseline, 1)] if same_classes else [])
            for c in worst
        ]
        sheet = Sheet('most frequent wrong predictions of the head', columns, body)
        parts.append({'row': row, 'sheet': sheet, 'uri': draw_confusion(head[row], names)})
    return parts


def _pictures(rows: dict[str, list[Run]]) -> list[Section]:
    found = []
    for row, runs in rows.items():
        drawn = [run for run in runs if (run.work_dir / _PANEL).is_file()]
        if drawn:
            try:
                uri = picture_uri(drawn[0].work_dir / _PANEL, _PANEL_WIDTH)
            except UserError as error:
                say_once(f'note: {error}; it is left out')
                continue
            found.append({'row': row, 'seed': drawn[0].seed, 'uri': uri})
    return found


def config_parts(found: Collection) -> list[Section]:
    """Each row's settings as their difference to the baseline's; the baseline's config whole."""
    folders: dict[tuple[str, str], Path] = {}
    for run in found.finished:
        if (run.work_dir / RESOLVED).is_file():
            try:
                recorded_settings(run.work_dir)
            except UserError as error:
                say_once(f'note: {error}; its config is left out')
                continue
            folders.setdefault((run.regime, run.row), run.work_dir)
    baseline, parts = found.study.baseline, []
    for (regime, row), folder in folders.items():
        reference = folders.get((regime, baseline))
        if reference is not None and row != baseline:
            lines = differences(*map(recorded_settings, (reference, folder)), _NOT_SHOWN)
            body = [[key, repr(old), repr(new)] for key, old, new in lines]
            sheet = Sheet(f'against {baseline}', ['key', baseline, row], body)
            parts.append({'title': _title(regime, row), 'sheet': sheet, 'text': ''})
    for (regime, row), folder in folders.items():
        if row == baseline or baseline is None:
            text = json.dumps(read_json(folder / RESOLVED), indent=1)
            title = f'{_title(regime, row)}, resolved'
            parts.append({'title': title, 'sheet': None, 'text': text})
    return parts


def _title(regime: str, row: str) -> str:
    return f'{regime}: {row}' if regime else row


def run_sheet(found: Collection) -> Sheet:
    """Every run: what it took, where it was made, and the command that makes it again."""
    head = ['run', 'state', 'time', 'machine', 'commit', 'again']
    body = []
    for run in found.runs:
        record = RunRecord.if_whole(run.work_dir)
        commit = (record.git.get('commit') or '')[:10]
        commit += ' + changes' if record.git.get('dirty') else ''
        time = '' if record.seconds is None else clock(record.seconds)
        places = [record.machine.get('host'), *(record.machine.get('gpus') or [])]
        place = ', '.join(filter(None, places))
        body.append([run.name, record.state, time, place, commit, record.reproduce])
    return Sheet('', head, body)
