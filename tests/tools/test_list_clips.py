"""Families of open_clip's architectures."""

import open_clip

from icpc.clip.families import FAMILIES, members
from icpc.commands.clip_families import attempt


def test_every_architecture_is_in_exactly_one_family():
    found = members()
    assert set(found) == set(FAMILIES)
    listed = [model for models in found.values() for model in models]
    assert sorted(listed) == sorted(open_clip.list_models())
    assert all(tried in models for tried, models in found.items())


def test_a_text_tower_of_another_tokenizer_is_refused():
    # No weights are needed to see it: the small member's config with the tokenizer's name.
    config = open_clip.get_model_config('ViT-S-32')
    config['text_cfg']['hf_tokenizer_name'] = 'google/mt5-base'
    config['vision_cfg'].update(layers=4, width=64)
    tower, reason = attempt(config, 'StaticPrompter')
    assert tower == ''
    assert 'tokenizer google/mt5-base' in reason
    assert attempt(config, 'ClassVectorPrompter') == ('VisionTransformer', '')
