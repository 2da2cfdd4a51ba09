"""`tools/reproduce.py`: make a run again and say whether it is the same."""

from pathlib import Path

from rich.table import Table

from ...console.messages import say
from .repeat import finished_record, repeat
from .run_difference import causes, first_difference, weights_equal
from .verdict import DIFFERENT, EQUAL, FEWEST, Comparison, compare, overall, same_but_seed


def reproduce(run: Path, out: Path | None, trainer: Path) -> bool:
    """Make a run again, compare, and print the verdict.

    Args:
        run: Work dir of a finished run.
        out: Where the repetition writes; by default `<run>-again`.
        trainer: Script of tools/train.py.

    Returns:
        Whether it is equal or within the seed band.
    """
    original = finished_record(run)
    out = out or run.resolve().with_name(f'{run.resolve().name}-again')  # `.` has no name
    seeds = same_but_seed(run)
    repeat(run, out, trainer)
    comparisons = compare(run, out, seeds)
    verdict = overall(comparisons)
    say(_table(comparisons, len(seeds)))
    few = f', too few for a band: it needs {FEWEST}' if len(seeds) < FEWEST else ''
    say(f'{len(seeds)} known seed(s): {", ".join(path.name for path in seeds)}{few}')
    weights = weights_equal(run, out)
    if weights is not None:
        say(f'weights: {"equal, bit by bit" if weights else "not equal"}')
    if verdict != EQUAL or weights is False:
        say(f'first difference: {first_difference(run, out)}')
        for cause in causes(original, finished_record(out)):
            say(f'  {cause}')
    say(f'{run}: {verdict}' + (', from other weights' if weights is False else ''))
    return verdict != DIFFERENT


def _table(comparisons: list[Comparison], runs: int) -> Table:
    band = f'95 % of seeds ({runs} known)'
    table = Table('result', 'run', 'again', band, 'verdict')
    for c in comparisons:
        limits = '-' if c.band is None else f'{c.band[0]:.2f} to {c.band[1]:.2f}'
        table.add_row(c.name, f'{c.original:.4f}', f'{c.again:.4f}', limits, c.verdict)
    return table
