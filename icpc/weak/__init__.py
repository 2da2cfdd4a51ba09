"""Weakly supervised segmentation from image tags: the parts of CLIMS and POLE.

How the pieces fit. Data sets of `tags` carry what a picture shows; models of `stages` train on it,
as a training loop trains any model. A classifier's activations of the tagged classes choose one
name per picture and class among `candidates` (`selection`, and `naming` for a whole data set), once
and offline or at intervals of the training. Training multiplies each picture by the
sigmoid map of each tagged class (`losses.masked_views`); a frozen CLIP embeds both the picture
under the map and what the map leaves; the texts are those of the chosen names, encoded once.
`adapters.Adapter`, one for pictures and one for texts, changes these embeddings, and
`losses.clims_losses` holds them against each other; phrases of the background see the foreground
before its adapter.
"""

from . import naming, retraining, stages, tags

__all__ = ['naming', 'retraining', 'stages', 'tags']
