"""CLIPs so small that a whole run takes seconds, as open_clip's `model_cfg`."""

_TEXT = dict(width=32, heads=2, layers=2, context_length=24)
TINY_RESNET = dict(
    embed_dim=32,
    quick_gelu=True,
    vision_cfg=dict(layers=[1, 1, 1, 1], width=8, head_width=32, image_size=64, patch_size=None),
    text_cfg=_TEXT,
)
TINY_VIT = dict(
    embed_dim=32,
    vision_cfg=dict(layers=4, width=32, head_width=16, image_size=64, patch_size=16),
    text_cfg=_TEXT,
)
