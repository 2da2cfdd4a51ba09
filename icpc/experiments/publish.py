"""`tools/publish.py`: a checkpoint as safetensors, with its config and a model card."""

import json
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from safetensors.torch import load_file, save_file

from ..checkpoints.content import latest_checkpoint, load_checkpoint
from ..errors import UserError
from ..files import write_text_atomically
from ..run_dir.fingerprints import PACKAGE
from ..run_dir.provenance import versions
from ..run_dir.record import RESOLVED, read_json, read_record
from .published_config import Published, published_config
from .tables.sheets import clock, number

WEIGHTS, CONFIG, CARD = 'model.safetensors', 'config.py', 'README.md'
_TEMPLATES = PACKAGE / 'assets' / 'model_card'


def publish(source: Path, out: Path, name: str | None = None, license_name: str = 'other') -> Path:
    """Write weights, config and model card into a folder.

    Args:
        source: A checkpoint, or a work dir for its last one.
        out: The folder; nothing of it may exist yet.
        name: Of the model; by default the folder's.
        license_name: Of the weights, as the card's metadata name it.

    Returns:
        The folder.

    Raises:
        UserError: When there is no checkpoint, it is not safe to load, or files would be replaced.
    """
    checkpoint_path = find_checkpoint(source)
    there = [file for file in (WEIGHTS, CONFIG, CARD) if (out / file).exists()]
    if there:
        raise UserError(f'{out} holds {", ".join(there)} already; choose another --out')
    checkpoint = load_checkpoint(checkpoint_path)
    if 'state_dict' not in checkpoint or 'meta' not in checkpoint:
        raise UserError(f'{checkpoint_path}: not a checkpoint that training wrote')
    work_dir = checkpoint_path.parent
    config = work_dir / 'config.py'
    if not config.is_file():
        raise UserError(f'{config}: not there; publish a checkpoint from its work dir')
    resolved = work_dir / RESOLVED
    resolved = read_json(resolved) if resolved.is_file() else {}
    classes = checkpoint['meta'].get('classes') or []
    published = published_config(config, classes, resolved)
    out.mkdir(parents=True, exist_ok=True)
    _write_weights(checkpoint, out / WEIGHTS)
    write_text_atomically(published.text, out / CONFIG)
    card = _card(checkpoint, checkpoint_path, resolved, published, name or out.name, license_name)
    write_text_atomically(card, out / CARD)
    return out


def find_checkpoint(source: Path) -> Path:
    """A checkpoint's file.

    Args:
        source: The file itself, or a work dir for its last one.
    """
    found = latest_checkpoint(source) if source.is_dir() else source
    if found is None or not found.is_file():
        raise UserError(f'{source}: no checkpoint there')
    return found


def _write_weights(checkpoint: dict[str, Any], path: Path) -> None:
    """Bare tensors, none sharing memory, read back and compared."""
    state = {key: value.detach().clone() for key, value in checkpoint['state_dict'].items()}
    classes = checkpoint['meta'].get('classes') or []
    metadata = {'format': 'pt', 'classes': json.dumps(classes), **_prefixed(versions())}
    new = path.with_name(f'.{path.name}.new')
    save_file(state, new, metadata)
    back = load_file(new)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    new.chmod(0o644)  # safetensors lets nobody else read it
    new.replace(path)


def _prefixed(found: dict[str, str]) -> dict[str, str]:
    return {f'version.{name}': version for name, version in found.items()}


def _card(
    checkpoint: dict[str, Any],
    path: Path,
    config: dict[str, Any],
    published: Published,
    name: str,
    license_name: str,
) -> str:
    record = read_record(path.parent) or {}
    meta = checkpoint['meta']
    # The record's results are those of the last checkpoint, no other one's.
    own = record.get('state') == 'finished' and record.get('steps') == meta.get('iter')
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template('README.md.j2').render(
        name=name,
        license=license_name,
        classes=meta.get('classes') or [],
        model=_model_facts(config.get('model') or {}, checkpoint['state_dict']),
        results=_results(record) if own else [],
        training=_training_facts(config, meta, record),
        needs=published.needs,
        root=' --cfg-options data_root=FOLDER' if published.has_root else '',
        weights=WEIGHTS,
        config=CONFIG,
    )


def _model_facts(model: dict[str, Any], state: dict[str, torch.Tensor]) -> dict[str, Any]:
    clip, losses = model.get('clip') or {}, model.get('losses') or {}
    architecture = clip.get('model')
    if not isinstance(architecture, str):
        architecture = 'as in the config'
    numbers = sum(value.numel() for value in state.values() if value.is_floating_point())
    return {
        'prompts': (model.get('prompter') or {}).get('type') or 'none (no text)',
        'CLIP': f'{architecture}, started from {clip.get("pretrained") or "random weights"}',
        'decode head': (model.get('decode_head') or {}).get('type', 'as in the config'),
        'losses of the alignment': ', '.join(losses) or 'none',
        'numbers in the file': f'{numbers:,}',
    }


def _training_facts(
    config: dict[str, Any], meta: dict[str, Any], record: dict[str, Any]
) -> dict[str, Any]:
    """What is known of the training, in the order of the card."""
    prints, batch, git = (record.get(key) or {} for key in ('fingerprints', 'batch', 'git'))
    machine = record.get('machine') or {}
    data = ((config.get('train_dataloader') or {}).get('dataset') or {}).get('type')
    places = machine.get('gpus') or [machine.get('processor')]
    facts = {
        'data': data,
        'data fingerprint': (prints.get('data') or {}).get('train'),
        'optimiser steps': meta.get('iter'),
        'global batch': batch.get('global_batch'),
        'ranks': batch.get('ranks'),
        'seed': meta.get('seed'),
        'time': f'{clock(record["seconds"])} on {", ".join(places)}'
        if 'seconds' in record
        else None,
        'commit': f'{git["commit"]}{", with changes" if git["dirty"] else ""}' if git else None,
        'config and code': ' '.join(prints.get(key, '') for key in ('config', 'code')) or None,
        'versions': ', '.join(f'{k} {v}' for k, v in (record.get('versions') or {}).items()),
    }
    return {name: value for name, value in facts.items() if value not in (None, '', ' ')}


def _results(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(split, metric, value) of every result."""
    return [
        (split, key, number(value))
        for split, results in record.get('metrics', {}).items()
        for key, value in results.items()
        if key != 'step' and value is not None
    ]
