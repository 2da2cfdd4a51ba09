"""From a published .pth to a checkpoint that the config's model loads."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from icpc.checkpoints.content import load_checkpoint
from icpc.checkpoints.fitting import load_weights
from icpc.config.load import load_config
from icpc.errors import UserError
from icpc.references.denseclip_import import import_checkpoint
from icpc.references.published_model import Unrecorded, model_config
from icpc.references.published_values import max_error, read_reference

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'denseclip' / 'denseclip_vit-b16_fpn_80k_ade20k-640.py'


@pytest.fixture
def published(tmp_path):
    """The recorded ViT as a .pth, a folder with its CLIP's config, and the reference."""
    file = read_reference(ROOT / 'tests' / 'data' / 'golden' / 'denseclip_vit.npz')
    ids, values = file.token_rows
    table = torch.zeros(49408, values.shape[1])
    table[ids] = values
    state = file.state | {'text_encoder.token_embedding.weight': table}
    torch.save(dict(meta=dict(epoch=1), state_dict=state), tmp_path / 'published.pth')
    clip = model_config(state, file.class_names, Unrecorded(4, 2))['clip']['model']
    clip['text_cfg']['context_length'] = 77
    clip['vision_cfg']['image_size'] = 224
    (tmp_path / 'open_clip_config.json').write_text(json.dumps(dict(model_cfg=clip)))
    (tmp_path / 'names.txt').write_text('\n'.join(file.class_names))
    return tmp_path, file


def test_imported_weights_give_the_recorded_logits(published):
    folder, file = published
    options = [
        f'model.clip.model={folder}',
        f'classes={folder / "names.txt"}',
        'crop_size=64',
        'model.prompter.width=32',
        'model.prompter.layers=2',
        'model.neck.out_channels=32',
        'model.decode_head.channels=32',
    ]
    out = folder / 'ours.pth'
    needed = import_checkpoint(str(CONFIG), str(folder / 'published.pth'), str(out), options)
    assert needed == [
        'model.prompter.text_encoder.num_positions=13',
        'model.backbone.double_class_embedding=True',
    ]
    config = load_config(CONFIG, [*options, *needed, 'model.clip.pretrained=None'])
    init_default_scope('mmseg')
    model = MODELS.build(config.model).eval()
    load_weights(model, load_checkpoint(out), out)
    with torch.no_grad():
        logits = model.encode_decode(file.images)
    assert max_error(logits, file.outputs['logits']) < 2e-5


def test_a_checkpoint_of_another_size_is_refused(published):
    folder, _ = published
    with pytest.raises(UserError, match='does not fit the model: .* of another shape'):
        import_checkpoint(str(CONFIG), str(folder / 'published.pth'), str(folder / 'ours.pth'))
    assert not (folder / 'ours.pth').exists()
