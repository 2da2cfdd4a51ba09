"""DenseCLIP's context decoder and the prompters that end with it."""

import pytest
import torch
from mmseg.registry import MODELS

from icpc.clip import TextEncoder, load_clip
from icpc.prompts import StaticPrompter
from icpc.prompts.context_decoder import PostModelRefiner
from icpc.structures import CLIPFeatures

NAMES = ['wall', 'traffic light', 'swimming pool']


@pytest.fixture
def text_encoder(tiny_resnet_cfg) -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(load_clip(tiny_resnet_cfg))


def _features(batch: int = 2, width: int = 32) -> CLIPFeatures:
    torch.manual_seed(1)
    return CLIPFeatures((), torch.randn(batch, width, 2, 3), torch.randn(batch, width))


def test_decoder_is_torchs_pre_norm_decoder_without_input_biases():
    torch.manual_seed(0)
    refiner = PostModelRefiner(32, width=16, heads=4, layers=2, dropout=0.1, gamma=0.5).eval()
    text, features = torch.randn(1, 3, 32), _features()
    tokens = torch.cat([features.pooled[:, None], features.dense.flatten(2).mT], dim=1)
    decoder = refiner.decoder
    x, memory = decoder.text_proj(text).expand(2, -1, -1), decoder.memory_proj(tokens)
    for layer in decoder.decoder:
        twin = torch.nn.TransformerDecoderLayer(
            16, 4, 64, activation='gelu', norm_first=True, batch_first=True
        ).eval()
        state = {'linear1.weight': layer.mlp[0].weight, 'linear1.bias': layer.mlp[0].bias}
        state |= {'linear2.weight': layer.mlp[3].weight, 'linear2.bias': layer.mlp[3].bias}
        for theirs, ours in (('self_attn', layer.self_attn), ('multihead_attn', layer.cross_attn)):
            weights = [ours.q_proj.weight, ours.k_proj.weight, ours.v_proj.weight]
            state |= {
                f'{theirs}.in_proj_weight': torch.cat(weights),
                f'{theirs}.in_proj_bias': torch.zeros(48),
                f'{theirs}.out_proj.weight': ours.proj.weight,
                f'{theirs}.out_proj.bias': ours.proj.bias,
            }
        state |= {k: v for k, v in layer.state_dict().items() if k.startswith('norm')}
        twin.load_state_dict(state)
        x = twin(x, memory)
    expected = text + 0.5 * decoder.out_proj(x)
    torch.testing.assert_close(refiner(text, features), expected, atol=1e-5, rtol=1e-5)


def test_published_defaults(text_encoder):
    prompter = MODELS.build(
        dict(type='PostModelPrompter', text_encoder=text_encoder, class_names=NAMES)
    )
    decoder = prompter.refiner.decoder
    assert prompter.pre.contexts.shape == (8, 32)
    assert len(decoder.decoder) == 3
    assert decoder.text_proj[1].out_features == 256
    layer = decoder.decoder[0]
    assert (layer.self_attn.heads, layer.cross_attn.heads) == (4, 4)
    rates = [m.p for m in decoder.modules() if isinstance(m, torch.nn.Dropout)]
    assert rates == [0.1] * 12
    assert torch.equal(prompter.refiner.gamma, torch.full((32,), 1e-4))


@pytest.mark.parametrize('pre', ['StaticPrompter', 'InstancePrompter', 'TemplatePrompter'])
def test_refining_the_static_text_equals_the_whole(text_encoder, pre):
    prompter = MODELS.build(
        dict(type='PrePostPrompter', pre=dict(type=pre), gamma=0.3),
        default_args=dict(text_encoder=text_encoder, class_names=NAMES),
    ).eval()
    features = _features()
    text = prompter(features)
    assert text.shape == (2, 3, 32)
    assert not torch.allclose(text[0], text[1])
    static = prompter.static_text()
    assert (static is None) == (pre == 'InstancePrompter')
    if static is not None:
        assert static.shape == (1, 3, 32)
        torch.testing.assert_close(prompter.refine(static, features), text)


def test_gamma_zero_is_the_prompter_before(text_encoder):
    torch.manual_seed(0)
    static = StaticPrompter(text_encoder, NAMES, num_contexts=8, init=None)
    torch.manual_seed(0)
    prompter = MODELS.build(
        dict(type='PostModelPrompter', text_encoder=text_encoder, class_names=NAMES, gamma=0.0)
    ).eval()
    torch.testing.assert_close(prompter(_features()), static(None).expand(2, -1, -1))


def test_heads_that_do_not_divide_the_width(text_encoder):
    with pytest.raises(ValueError, match='heads=3 does not divide'):
        MODELS.build(
            dict(type='PostModelPrompter', text_encoder=text_encoder, class_names=NAMES, heads=3)
        )
