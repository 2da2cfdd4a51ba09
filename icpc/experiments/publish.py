"""`tools/publish.py`: a checkpoint as safetensors, with its config and a model card."""

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, ModelCardData
from safetensors.torch import load_file, save_file

from ..checkpoints.content import latest_checkpoint, load_checkpoint
from ..console.numbers import clock
from ..errors import UserError
from ..files import read_json, write_text_atomically
from ..run_dir.fingerprints import PACKAGE
from ..run_dir.lock import only_writer
from ..run_dir.provenance import versions
from ..run_dir.record import RESOLVED, RunRecord
from .published_config import published_config
from .tables.sheets import number

WEIGHTS, CONFIG, CARD = 'model.safetensors', 'config.py', 'README.md'
_TAGS = ['semantic-segmentation', 'clip', 'mmsegmentation']


def publish(source: Path, out: Path, name: str | None = None, license_name: str = 'other') -> Path:
    """Write weights, config and model card into a folder.

    Args:
        source: A checkpoint, or a work dir for its last one.
        out: The folder; nothing of it may exist yet.
        name: The model's name; by default the folder's.
        license_name: The license of the weights, as the card's metadata name it.

    Returns:
        The folder.

    Raises:
        UserError: When there is no checkpoint, it is not safe to load, or files would be replaced.
    """
    checkpoint_path = find_checkpoint(source)
    with only_writer(out, 'publishes', '--out'):
        _publish(checkpoint_path, out, name or out.name, license_name)
    return out


def _publish(checkpoint_path: Path, out: Path, name: str, license_name: str) -> None:
    there = [file for file in (WEIGHTS, CONFIG, CARD) if (out / file).exists()]
    if there:
        raise UserError(f'{out} holds {", ".join(there)} already; choose another --out')
    checkpoint = load_checkpoint(checkpoint_path)
    if 'state_dict' not in checkpoint or 'meta' not in checkpoint:
        raise UserError(f'{checkpoint_path}: not a checkpoint that training wrote')
    work_dir = checkpoint_path.parent
    config = work_dir / CONFIG
    if not config.is_file():
        raise UserError(f'{config}: not there; publish a checkpoint from its work dir')
    resolved = read_json(work_dir / RESOLVED) if (work_dir / RESOLVED).is_file() else {}
    classes = checkpoint['meta'].get('classes') or []
    published = published_config(config, classes, resolved)
    _write_weights(checkpoint, classes, out / WEIGHTS)
    write_text_atomically(published.text, out / CONFIG)
    card = ModelCard.from_template(
        ModelCardData(license=license_name, library_name='icpc', tags=_TAGS),
        template_path=PACKAGE / 'assets' / 'model_card' / 'README.md.j2',
        name=name,
        classes=classes,
        published=published,
        weights=WEIGHTS,
        config=CONFIG,
        **_card(checkpoint, resolved, RunRecord.of(work_dir)),
    )
    write_text_atomically(f'{card.content}\n', out / CARD)


def find_checkpoint(source: Path) -> Path:
    """A checkpoint's file.

    Args:
        source: The file itself, or a work dir for its last one.
    """
    found = latest_checkpoint(source) if source.is_dir() else source
    if found is None or not found.is_file():
        raise UserError(f'{source}: no checkpoint there')
    return found


def _write_weights(checkpoint: dict[str, Any], classes: list[str], path: Path) -> None:
    """Bare tensors, none sharing memory, read back and compared."""
    state = {key: value.detach().clone() for key, value in checkpoint['state_dict'].items()}
    libraries = {f'version.{name}': version for name, version in versions().items()}
    new = path.with_name(f'.{path.name}.new')
    save_file(state, new, {'format': 'pt', 'classes': json.dumps(classes), **libraries})
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
