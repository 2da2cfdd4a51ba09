"""The figures of a pre-trained CLIP as lines of text, and the README beside its weights."""

from pathlib import Path

import numpy as np

from icpc.datasets.scenes.scene_classes import CLASSES
from icpc.pretraining.gates import LEAST_AUC, LEAST_MIOU, TEMPLATE, Figures


def describe(figures: Figures, scenes: int) -> list[str]:
    """Lines: one for each class, then the means that the gates look at."""
    lines = [f'{"class":10s} {"AUC":>6s} {"IoU":>6s}']
    for name, auc, iou in zip(CLASSES, figures.auc, figures.iou, strict=True):
        lines.append(f'{name:10s} {auc:6.3f} {iou:6.2f}')
    prompt = TEMPLATE.format('{}', '')
    return [
        *lines,
        f'{scenes} held-out scenes, prompt "{prompt}", output stride 16:',
        f'class-presence AUC of the pooled embedding: {np.nanmean(figures.auc):.3f}'
        f' (gate > {LEAST_AUC})',
        f'zero-shot mIoU of the dense score map: {np.nanmean(figures.iou):.2f}'
        f' (gate > {LEAST_MIOU:.0f})',
        f'  with the true condition in the prompt: {np.nanmean(figures.iou_condition):.2f}',
        f'  names shuffled: {np.nanmean(figures.iou_shuffled):.2f}'
        f' (gate: chance, {figures.chance:.2f})',
    ]


def write_readme(folder: Path, command: str, seed: int, seconds: float, lines: list[str]) -> None:
    """Write what made the weights and what was measured, as it was printed."""
    text = f"""# A tiny CLIP that knows the procedural scenes

Made by icpc with open_clip's model class, in open_clip's format:
`open_clip.create_model('local-dir:FOLDER')` reads it. Weights are stored in float16, as OpenAI's
archives are. They were trained from scratch on generated pictures and captions; no other data and
no other weights are in them. Licence: as the package.

- command: `{command}`
- seed: {seed}
- time: {seconds / 60:.1f} minutes of wall clock, one thread by default

```
{chr(10).join(lines)}
```
"""
    (folder / 'README.md').write_text(text)
