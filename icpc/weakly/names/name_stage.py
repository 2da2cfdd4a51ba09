"""POLE's choice of names, once, from the maps of a finished classifier."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from rich.table import Table
from torch import nn

from ...checkpoints.content import load_checkpoint
from ...checkpoints.fitting import load_weights
from ...checkpoints.newest import newest_whole
from ...config.load import load_config
from ...console.messages import say
from ...console.picture_bar import picture_bar
from ...errors import UserError, refusing
from ...files import write_text_atomically
from ...inference.load_model import device_of
from ...run_dir.lock import only_writer
from ...run_dir.record import FINISHED, RESOLVED_PY, RunRecord, whole_record, write_record
from ...weak.naming.choosing import choose, pictures_of
from ...weak.selection import Choices, summary, write_choices
from ...weak.stages import CLIMSClassifier
from ..shared_stages import take_stage
from ..stage_records import finished_source, is_same, new_record
from .names_picture import draw_names

CHOICES, COUNTS, PICTURE = 'choices.json', 'counts.json', 'names.png'
_PART = 'choices.partial'  # a line for each picture that is done


def choose_names(
    config: str | Path,
    source: str | Path,
    out: str | Path,
    options: list[str] | dict[str, Any] | None = None,
    published: bool = False,
    pictures: int = 6,
    share: bool = False,
) -> dict[str, float]:
    """Write the table of names that stage 2 reads, counts for each class, and a picture.

    The same command goes on where it was stopped, and makes nothing that is done.

    Args:
        config: Of stage 2: its CLIP, names and sentence are taken, and its losses by the picture.
        source: The work directory of stage 1, whose weights, pictures and tags are taken.
        out: The folder of `choices.json`, `counts.json`, `names.png` and `run.json`.
        options: Overrides of the config.
        published: With the slips of POLE's code, see `masked_pictures`.
        pictures: Rows of `names.png`.
        share: Take them from a plan's folder beside that has made the same.

    Returns:
        `own_share`, of the choices that are the class's own name.

    Raises:
        UserError: Another model, an unfinished run, or names that leave no choice.
    """
    source, out = Path(source), Path(out)
    cfg = load_config(config, options)
    model, record = _model(cfg, source)
    dataset = pictures_of(Config.fromfile(source / RESOLVED_PY), every=True)
    made_of = {
        'run': record.run,
        'steps': record.steps,
        'names': model.names,
        'template': cfg.model.get('template'),
        'teacher': dict(cfg.model.teacher),
        'published': published,
    }
    new = new_record(made_of, record)
    digest = new['fingerprints']['config']
    if share:
        take_stage(out, partial(is_same, new))
    with only_writer(out, 'writes names', '--out'):
        former = whole_record(out) or {}
        if former.get('state') == FINISHED and former['fingerprints']['config'] == digest:
            say(f'{out}: done')
            return former['metrics']['train']
        out.mkdir(parents=True, exist_ok=True)
        choices = _choose_all(model, dataset, out / _PART, digest, published)
        classes = model.class_names[1:]
        own = {name: words[0] for name, words in zip(classes, model.names, strict=True)}
        write_choices(out / CHOICES, choices)
        counts = summary(choices, own)
        tree = {name: one._asdict() for name, one in counts.items()}
        write_text_atomically(json.dumps(tree, indent=1, ensure_ascii=False) + '\n', out / COUNTS)
        draw_names(model, dataset, out / PICTURE, pictures, published)
        every = [(one.own_share, sum(one.counts.values())) for one in counts.values()]
        total = sum(count for _, count in every)
        metrics = {'own_share': 100 * sum(share * count for share, count in every) / max(total, 1)}
        write_record(out, new | {'state': FINISHED, 'metrics': {'train': metrics}})
        (out / _PART).unlink()
    table = Table(title=f'{out / CHOICES}: {total} choices, percent that keep the own name')
    for column in ('class', 'own', 'names'):
        table.add_column(column)
    for name, one in counts.items():
        words = ', '.join(f'{word} {count}' for word, count in one.counts.items())
        table.add_row(name, f'{100 * one.own_share:.1f}', words)
    say(table)
    say(f'own_share: {metrics["own_share"]:.2f}')
    return metrics


def _model(cfg: Config, source: Path) -> tuple[nn.Module, RunRecord]:
    """Stage 2's model with stage 1's weights, and the record of these."""
    cls = MODELS.get(cfg.model.type)
    if cls is None or not issubclass(cls, CLIMSClassifier):
        raise UserError(f'{cfg.filename}: is no config of stage 2 (CLIMSClassifier)')
    record = finished_source(source)
    plain = {**cfg.model, 'choices': CHOICES, 'refresh': None, 'adapters': None, 'prompter': None}
    with refusing('model'), DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(plain)
    weights = newest_whole(source)
    if weights is None:
        raise UserError(f'{source}: holds no whole checkpoint')
    load_weights(model, load_checkpoint(weights), weights, fine_tunes=True)
    return model.to(device_of(None)).eval(), record


def _choose_all(
    model: CLIMSClassifier, dataset: Any, part: Path, digest: str, published: bool
) -> Choices:
    """The names of all pictures; those that a stopped process chose are read from its file."""
    done: Choices = {}
    if part.is_file():
        head, *lines = part.read_text(encoding='utf-8').split('\n')
        if head == digest:
            done = dict(json.loads(line) for line in lines[:-1])  # the last line may be cut
    count = len(dataset)
    if done:
        say(f'{part.parent}: {len(done)} of {count} pictures are there already')
    classes = model.class_names[1:]
    with part.open('w', encoding='utf-8') as file, picture_bar('names', count) as advance:
        file.write(''.join(f'{line}\n' for line in (digest, *map(json.dumps, done.items()))))
        for index in range(count):
            name = dataset.name_of(dataset.get_data_info(index))
            if name not in done:
                found = choose(model, dataset, index, published)
                pairs = zip(found.classes, found.places, strict=True)
                done[name] = {classes[label]: model.names[label][place] for label, place in pairs}
                file.write(f'{json.dumps([name, done[name]])}\n')
                file.flush()
            advance()
    return done
