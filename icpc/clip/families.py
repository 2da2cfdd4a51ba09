"""The families of open_clip's architectures, each with the member that stands for it."""

import re

import open_clip

# The member that is tried, and a pattern that all members match.
FAMILIES = {
    'RN50-quickgelu': r'RN\d+(x\d+)?(-quickgelu)?',
    'ViT-S-32': r'ViT-(S|M|B|L|H|g|e|bigG)-\d+(-alt|-plus)?(-\d{3})?(-quickgelu)?',
    'ViT-L-14-worldwide': r'ViT-(L|H|bigG)-14-worldwide.*',
    'ViT-L-14-CLIPA': r'ViT-.*-CLIPA(-\d+)?',
    'ViT-B-32-SigLIP2-256': r'ViT-.*-SigLIP.*',
    'MobileCLIP-B': r'MobileCLIP2?-B',
    'MobileCLIP2-S0': r'MobileCLIP2?-S\d',
    'MobileCLIP2-L-14': r'MobileCLIP2-L-14',
    'convnext_tiny': r'convnext_.*',
    'swin_base_patch4_window7_224': r'swin_.*',
    'EVA02-B-16': r'EVA0[12]-.*',
    'PE-Core-T-16-384': r'PE-Core-.*',
    'ViTamin-S': r'ViTamin-.*',
    'vit_medium_patch16_gap_256': r'vit_medium_patch16_gap_256',
    'vit_relpos_medium_patch16_cls_224': r'vit_relpos_.*',
    'coca_ViT-B-32': r'coca_(base|ViT-.*)',
    'xlm-roberta-base-ViT-B-32': r'(xlm-|coca_)?roberta-.*|mt5-.*|nllb-.*',
}


def members() -> dict[str, list[str]]:
    """All architectures that open_clip lists, by the tried member of their family.

    Those of a newer open_clip that belong to no family stand for themselves.
    """
    found: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for model in open_clip.list_models():
        fits = [name for name, pattern in FAMILIES.items() if re.fullmatch(pattern, model)]
        found.setdefault(fits[0] if fits else model, []).append(model)
    return found
