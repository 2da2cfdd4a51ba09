"""The parts of a report's page, as plain values for its template."""

import json
from collections.abc import Sequence
from typing import Any

from ...run_dir.config_difference import difference, flatten
from ...run_dir.record import RESOLVED, read_record
from ..study.runs import Run
from ..study.variables import ClassSubset
from ..tables.sheets import Sheet, clock, number, sheets
from ..tables.study_results import TableResult
from .class_results import (
    class_differences,
    class_names,
    confusions,
    draw_confusion,
    draw_differences,
    kinds,
    shares,
)
from .collection import SEED_KEYS, Collection
from .curves import draw_curves
from .figures import picture_uri

Part = dict[str, Any]
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


def regime_parts(found: Collection, regime: str, tables: Sequence[TableResult]) -> Part | None:
    """Everything about one regime; None when none of its runs is finished."""
    rows = {row: found.of(regime, row) for row in found.study.rows}
    rows = {row: runs for row, runs in rows.items() if runs}
    if not rows:
        return None
    baseline = found.study.baseline
    folders = {row: [run.work_dir for run in runs] for row, runs in rows.items()}
    return {
        'title': regime or 'Results',
        'tables': _tables([table for table in tables if table.regime == regime]),
        'curves': draw_curves(folders, _panels(found), baseline),
        'classes': _classes(rows, baseline),
        'confusion': _confusion(rows, baseline),
        'pictures': _pictures(rows),
    }


def _tables(tables: Sequence[TableResult]) -> list[Part]:
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


def _counted(rows: dict[str, list[Run]]) -> dict[str, list[str]]:
    found = {row: kinds(runs) for row, runs in rows.items()}
    return {row: kinds for row, kinds in found.items() if kinds}


def _classes(rows: dict[str, list[Run]], baseline: str | None) -> list[Part]:
    counted = _counted(rows)
    parts = []
    for row in counted if baseline in counted else ():
        both = [kind for kind in counted[row] if kind in counted[baseline]]
        found = {kind: class_differences(rows[row], rows[baseline], kind) for kind in both}
        figures = [
            {'uri': draw_differences(items), 'caption': kind.replace('_', ' ')}
            for kind, items in found.items()
            if items
        ]
        if row != baseline and figures:
            parts.append({'row': row, 'figures': figures})
    return parts


def _confusion(rows: dict[str, list[Run]], baseline: str | None) -> list[Part]:
    counted, parts = _counted(rows), []
    head = {row: shares(rows[row], 'head') for row in counted}
    for row in counted:
        names = class_names(rows[row])
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


def _pictures(rows: dict[str, list[Run]]) -> list[Part]:
    found = []
    for row, runs in rows.items():
        drawn = [run for run in runs if (run.work_dir / _PANEL).is_file()]
        if drawn:
            uri = picture_uri(drawn[0].work_dir / _PANEL, _PANEL_WIDTH)
            found.append({'row': row, 'seed': drawn[0].seed, 'uri': uri})
    return found


def config_parts(found: Collection) -> list[Part]:
    """Each row's resolved config as its difference to the baseline's; the baseline's whole."""
    configs: dict[tuple[str, str], dict[str, Any]] = {}
    for run in found.finished:
        key = (run.regime, run.row)
        if key not in configs and (run.work_dir / RESOLVED).is_file():
            configs[key] = json.loads((run.work_dir / RESOLVED).read_text())
    parts = []
    for (regime, row), config in configs.items():
        reference = configs.get((regime, found.study.baseline))
        if reference is not None and row != found.study.baseline:
            lines = difference(flatten(reference), flatten(config), SEED_KEYS)
            sheet = Sheet(
                f'against {found.study.baseline}',
                ['key', found.study.baseline, row],
                [list(line) for line in lines],
            )
            parts.append({'title': _title(regime, row), 'sheet': sheet, 'text': ''})
    whole = [
        {'title': f'{_title(*key)}, resolved', 'sheet': None, 'text': json.dumps(config, indent=1)}
        for key, config in configs.items()
        if key[1] == found.study.baseline or found.study.baseline is None
    ]
    return [*parts, *whole]


def _title(regime: str, row: str) -> str:
    return f'{regime}: {row}' if regime else row


def run_sheet(found: Collection) -> Sheet:
    """Every run: what it took, where it was made, and the command that makes it again."""
    head = ['run', 'state', 'time', 'machine', 'commit', 'again']
    body = []
    for run in found.runs:
        record = read_record(run.work_dir) or {'state': 'to do'}
        git = record.get('git') or {}
        commit = git.get('commit', '')[:10] + (' + changes' if git.get('dirty') else '')
        time = clock(record['seconds']) if 'seconds' in record else ''
        machine = record.get('machine', {})
        place = ', '.join([machine.get('host', ''), *machine.get('gpus', [])]).strip(', ')
        again = record.get('reproduce', '')
        body.append([run.name, record['state'], time, place, commit, again])
    return Sheet('', head, body)
