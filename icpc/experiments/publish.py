"""`tools/publish.py`: a checkpoint as safetensors, with its config and a model card."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from safetensors.torch import load_file, save_file

from ..checkpoints.content import latest_checkpoint, load_checkpoint
from ..checkpoints.packaged_text import packaged_text, without_packaged_text
from ..console.messages import say
from ..console.numbers import clock
from ..errors import UserError
from ..files import read_json, write_text_atomically
from ..run_dir.fingerprints import PACKAGE
from ..run_dir.lock import only_writer
from ..run_dir.provenance import versions
from ..run_dir.record import RESOLVED, RunRecord
from .published_config import published_config
from .push import check_push, push
from .tables.sheets import number

WEIGHTS, CONFIG, CARD = 'model.safetensors', 'config.py', 'README.md'
ABOUT = 'config.json'  # by whose downloads the Hub counts a model's; icpc does not read it
FILES = (WEIGHTS, CONFIG, CARD, ABOUT)
_LICENSE = re.compile(r'[A-Za-z0-9][A-Za-z0-9.+_-]*')
_ENTITIES = {char: f'&#{ord(char)};' for char in '&<>|`[]*'}
_TASK = 'image-segmentation'  # the Hub's name of it
_TAGS = ['semantic-segmentation', 'clip', 'mmsegmentation']


def publish(
    source: Path,
    out: Path,
    name: str | None = None,
    license_name: str = 'other',
    small: bool = False,
    repository: str | None = None,
    private: bool = False,
) -> Path:
    """Write weights, config and model card into a folder, which the Hub takes as it is.

    Args:
        source: A checkpoint, or a work dir for its last one.
        out: The folder; nothing of it may exist yet.
        name: The model's name; by default the folder's.
        license_name: The license of the weights, as the card's metadata name it.
        small: Write numbers in float16, and leave out a text tower that the package has.
        repository: `org/name` on the Hub, to which the folder is pushed; None for nowhere.
        private: Whether a model that is new there is hidden from others.

    Returns:
        The folder.

    Raises:
        UserError: When there is no checkpoint, it is not safe to load, or files would be replaced;
            or the folder, which is whole then, cannot be pushed.
    """
    _check_words(name or out.name, license_name)
    if repository is not None:
        check_push(repository)
    elif private:
        raise UserError('--private: says how --push makes a model on the Hub; give --push org/name')
    checkpoint_path = find_checkpoint(source)
    with only_writer(out, 'publishes', '--out'):
        _publish(checkpoint_path, out, name or out.name, license_name, small)
    if repository is not None:
        say(f'pushed to {push(out, FILES, repository, private)}')
    return out


def _publish(checkpoint_path: Path, out: Path, name: str, license_name: str, small: bool) -> None:
    there = [file for file in FILES if (out / file).exists()]
    if there:
        raise UserError(f'{out} holds {", ".join(there)} already; choose another --out')
    checkpoint = load_checkpoint(checkpoint_path)
    if 'state_dict' not in checkpoint or 'meta' not in checkpoint:
        raise UserError(f'{checkpoint_path}: not a checkpoint that training wrote')
    work_dir = checkpoint_path.parent
    config = work_dir / CONFIG
    if not config.is_file():
        raise UserError(f'{config}: not there; publish a checkpoint from its work dir')
    resolved = _resolved(work_dir / RESOLVED)
    classes = checkpoint['meta'].get('classes') or []
    record = RunRecord.if_whole(work_dir)
    published = published_config(config, classes, resolved)
    tower = (resolved.get('model') or {}).get('clip', {}).get('model')
    _write_weights(checkpoint, classes, out / WEIGHTS, tower if small else None, small)
    write_text_atomically(published.text, out / CONFIG)
    write_text_atomically(_about(classes, resolved), out / ABOUT)
    tables = _card(checkpoint, resolved, record)
    card = ModelCard.from_template(
        _metadata(name, license_name, tables['results'], resolved),
        template_path=PACKAGE / 'assets' / 'model_card' / 'README.md.j2',
        name=_plain(name),
        classes=[_plain(one) for one in classes],
        published=published,
        weights=WEIGHTS,
        config=CONFIG,
        **_plain_tables(tables),
    )
    write_text_atomically(f'{card.content}\n', out / CARD)


def _metadata(
    name: str, license_name: str, results: dict[Any, Any], resolved: dict[str, Any]
) -> ModelCardData:
    """The card's front matter; results stand in it where data and mIoU of the test are known."""
    found = {key: value for key, value in results.items() if key == ('test', 'mIoU')}
    dataset = ((resolved.get('test_dataloader') or {}).get('dataset') or {}).get('type')
    known: dict[str, Any] = {}
    if found and isinstance(dataset, str):
        data = _plain(dataset.removesuffix('Dataset'))
        known = dict(
            model_name=_plain(name),
            eval_results=[
                EvalResult(_TASK, data.lower(), data, 'mean_iou', value, metric_name='mIoU, %')
                for value in map(float, found.values())
            ],
        )
    return ModelCardData(license=license_name, library_name='icpc', tags=_TAGS, **known)


def _about(classes: list[str], resolved: dict[str, Any]) -> str:
    """`config.json`: the names by id, as other libraries of the Hub write them."""
    names = {str(index): str(name).strip() for index, name in enumerate(classes)}
    kind = (resolved.get('model') or {}).get('type')
    about = dict(library_name='icpc', architectures=[kind] if kind else [], id2label=names)
    return f'{json.dumps(about, indent=2, ensure_ascii=False)}\n'


def _check_words(name: str, license_name: str) -> None:
    """Raise for what cannot stand in a card's heading and metadata."""
    if not name.isprintable() or not name.strip():
        raise UserError(f'--name {name!r}: expected one line of text')
    if not _LICENSE.fullmatch(license_name):
        raise UserError(
            f"--license {license_name!r}: expected a licence's identifier such as mit, apache-2.0 "
            'or other'
        )


def _resolved(path: Path) -> dict[str, Any]:
    """The resolved config of a run; empty where it cannot be read, which the card then lacks."""
    if not path.is_file():
        return {}
    try:
        tree = read_json(path)
        parts = [tree.get('model') or {}, tree.get('train_dataloader') or {}]
        if all(isinstance(part, dict) for part in parts):
            return tree
        raise UserError(f'{path}: is damaged or was edited')
    except UserError as error:
        say(f'note: {error}; the card tells less')
        return {}


def _plain(text: Any) -> str:
    """One line that markdown and HTML show as it is."""
    return ' '.join(''.join(_ENTITIES.get(char, char) for char in str(text)).split())


def _plain_tables(tables: dict[str, dict[Any, Any]]) -> dict[str, dict[Any, Any]]:
    def plain(key: Any) -> Any:
        return tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)

    return {
        name: {plain(key): _plain(value) for key, value in table.items()}
        for name, table in tables.items()
    }


def find_checkpoint(source: Path) -> Path:
    """A checkpoint's file.

    Args:
        source: The file itself, or a work dir for its last one.
    """
    found = latest_checkpoint(source) if source.is_dir() else source
    if found is None or not found.is_file():
        raise UserError(f'{source}: no checkpoint there')
    return found


def _write_weights(
    checkpoint: dict[str, Any], classes: list[str], path: Path, tower: Any, small: bool
) -> None:
    """Bare tensors, none sharing memory, read back and compared."""
    state = {key: value.detach().clone() for key, value in checkpoint['state_dict'].items()}
    text = {}
    if packaged_text(tower):
        state, text = without_packaged_text(state, tower), {'text': tower}
    if small:
        state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    libraries = {f'version.{name}': version for name, version in versions().items()}
    new = path.with_name(f'.{path.name}.new')
    save_file(state, new, {'format': 'pt', 'classes': json.dumps(classes), **text, **libraries})
    back = load_file(new)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    new.chmod(0o644)  # safetensors lets nobody else read it
    new.replace(path)


def _card(
    checkpoint: dict[str, Any], config: dict[str, Any], record: RunRecord
) -> dict[str, dict[Any, Any]]:
    """The tables of the card; what is not known is left out."""
    meta, state = checkpoint['meta'], checkpoint['state_dict']
    model = config.get('model') or {}
    clip = model.get('clip') or {}
    architecture = clip.get('model')
    if not isinstance(architecture, str):
        architecture = 'as in the config'
    numbers = sum(value.numel() for value in state.values() if value.is_floating_point())
    facts = {
        'prompts': (model.get('prompter') or {}).get('type', 'none (no text)'),
        'CLIP': f'{architecture}, started from {clip.get("pretrained") or "random weights"}',
        'decode head': (model.get('decode_head') or {}).get('type', 'as in the config'),
        'losses of the alignment': ', '.join(model.get('losses') or {}) or 'none',
        'numbers in the file': f'{numbers:,}',
    }
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    prints, git = record.fingerprints, record.git
    places = record.machine.get('gpus') or [record.machine.get('processor', 'unknown')]
    training = {
        'data': dataset.get('type'),
        'data fingerprint': prints.get('data', {}).get('train'),
        'optimiser steps': meta.get('iter'),
        'global batch': record.batch.get('global_batch'),
        'ranks': record.batch.get('ranks'),
        'seed': meta.get('seed'),
        'time': record.seconds and f'{clock(record.seconds)} on {", ".join(places)}',
        'commit': git and f'{git["commit"]}{", with changes" if git["dirty"] else ""}',
        'config and code': ' '.join(prints[key] for key in ('config', 'code') if key in prints),
        'versions': ', '.join(f'{name} {number}' for name, number in record.versions.items()),
    }
    # The results of the record are those of the last checkpoint, no other one's.
    own = record.finished and record.steps == meta.get('iter')
    return {
        'model': facts,
        'training': {key: value for key, value in training.items() if value not in (None, '', {})},
        'results': {key: number(value) for key, value in record.results.items()} if own else {},
    }
