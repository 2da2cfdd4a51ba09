# A frozen CLIP that segments by its score map: test only.
# What the papers leave open is our reading: see docs/methods.md.
model = dict(
    type='ZeroShotSegmentor',
    class_names='${class_names}',
    clip=dict(model='ViT-B-16-quickgelu', pretrained='openai'),
    backbone=dict(),  # dense is 'naclip' of a ViT and 'value' of a ResNet
    prompter=dict(type='TemplatePrompter', template='imagenet'),  # CLIP's 80
    scale=40.0,  # SCLIP, NACLIP
    threshold=None,  # of the background, class 0
    data_preprocessor=dict(
        type='SegDataPreProcessor', bgr_to_rgb=True, size=('${crop_size}', '${crop_size}')
    ),
    test_cfg=dict(
        mode='slide',
        crop_size=('${crop_size * 2 // 3}', '${crop_size * 2 // 3}'),  # SCLIP: 224 of 336,
        stride=('${crop_size // 3}', '${crop_size // 3}'),  # 112
    ),
)
