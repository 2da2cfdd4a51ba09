"""The comparison with a folder of recorded values, on files made up here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip import CLIP
from random_weights import as_if_trained
from tool_calls import call_tool

from icpc.clip.text.vocabulary import END, START, tokenize
from icpc.errors import UserError
from icpc.references import training_free

TOOL = Path(__file__).parents[2] / 'tools/check_reference.py'
CONFIG = dict(patch=8, width=32, layers=2, heads=2, image=32, embed=16, quick_gelu=True)
TEXT = dict(text_width=16, text_heads=2, text_layers=1, context_length=24, vocab_size=49408)
WORDS, TEMPLATES = ['wall', 'sky', 'cat'], ['a photo of a {}.', 'the {}']
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What open_clip itself gives for pictures of its native size, and for text."""
    torch.manual_seed(0)
    vision = dict(layers=2, width=32, head_width=16, patch_size=8, image_size=32)
    text = dict(context_length=24, vocab_size=49408, width=16, heads=2, layers=1)
    clip = as_if_trained(CLIP(16, vision, text, quick_gelu=True)).eval()
    clip.visual.output_tokens = True
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    inputs = torch.from_numpy(images).float() / 255
    inputs = (inputs - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    sentences = [[t.format(word) for t in TEMPLATES] for word in WORDS]
    ids = torch.zeros(3, 2, 24, dtype=torch.long)
    for place in np.ndindex(3, 2):
        tokens = [START, *tokenize(sentences[place[0]][place[1]]), END]
        ids[place][: len(tokens)] = torch.tensor(tokens)
    with torch.no_grad():
        pooled, tokens = clip.visual(inputs)
        dense = (tokens @ clip.visual.proj).transpose(1, 2).unflatten(2, (4, 4))
        each = [torch.stack([clip.encode_text(row[None], True)[0] for row in rows]) for rows in ids]
    text = torch.nn.functional.normalize(torch.stack(each).mean(dim=1), dim=-1)
    state = {f'state/{name}': value.numpy() for name, value in clip.state_dict().items()}
    for name in ('token_embedding.weight', 'attn_mask'):
        state.pop(f'state/{name}', None)
    rows = ids.unique()
    np.savez(
        tmp_path / 'a tower.npz',
        config=json.dumps(CONFIG | TEXT | dict(gaussian_std=5.0)),
        **state,
        **{
            'images/native': images,
            'dense/vanilla/native': dense.numpy(),
            'dense/gem/native': dense.numpy(),
            'pooled/native': pooled.numpy(),
            'token_rows/ids': rows.numpy(),
            'token_rows/values': clip.token_embedding.weight[rows].detach().numpy(),
        },
    )
    run = dict(method='naclip', short=32, scale=40, threshold=0.5)
    np.savez(
        tmp_path / 'rule.npz',
        config=json.dumps(
            dict(mean=[122.0] * 3, std=[68.0] * 3, classes=['wall, sky', 'cat'], whole=run)
        ),
        picture=rng.integers(0, 256, (3, 32, 40), dtype=np.uint8),
        picture_work=np.zeros((3, 32, 40), dtype=np.uint8),
        query_names=json.dumps(WORDS),
        query_index=np.array([0, 0, 1]),
        templates=json.dumps(TEMPLATES),
        token_ids=ids.numpy().astype(np.uint16),
        text=text.numpy(),
    )
    (tmp_path / 'notes.txt').write_text('no array')
    return tmp_path


def change(path: Path, name: str, values: np.ndarray) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {name: values}))


def test_the_tool_compares_what_it_finds_and_says_what_it_leaves_out(folder: Path) -> None:
    change(folder / 'rule.npz', 'picture_work', np.load(folder / 'rule.npz')['picture'])
    done = call_tool(TOOL, str(folder))
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, '')
    assert lines[-1].startswith('max relative error: ')
    assert float(lines[-1].split()[-1]) < 5e-6
    compared = {line.split()[0] for line in lines if line.startswith('  ') and 'e-' in line}
    assert {'dense/vanilla/native', 'pooled/native', 'text'} <= compared
    assert '  not compared, icpc has no such part: dense/gem/native' in lines


@pytest.mark.parametrize('name', ['dense/vanilla/native', 'pooled/native'])
def test_a_value_that_is_off_shows(folder: Path, name: str) -> None:
    path = folder / 'a tower.npz'
    (folder / 'rule.npz').unlink()
    values = np.load(path)[name]
    values.flat[3] += 1e-4 * np.abs(values).max()
    change(path, name, values)
    done = call_tool(TOOL, str(folder))
    assert done.returncode == 1
    assert 9e-5 < float(done.stdout.split()[-1]) < 1.2e-4


def test_what_is_no_such_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    change(folder / 'rule.npz', 'query_names', np.array(3))
    with pytest.raises(UserError, match=r'rule.npz: not as its format says: TypeError'):
        training_free.report(folder)
    (folder / 'a tower.npz').unlink()
    with pytest.raises(UserError, match='its vision transformer is missing'):
        training_free.report(folder)
    (folder / 'rule.npz').unlink()
    with pytest.raises(UserError, match='holds no reference values'):
        training_free.report(folder)
