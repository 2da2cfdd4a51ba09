"""Weakly supervised segmentation from image tags: the parts of CLIMS and POLE.

How the pieces fit. A classifier's activations of the tagged classes choose one name per picture and
class (`selection`), once and offline. Training multiplies each picture by the sigmoid map of each
tagged class (`losses.masked_views`); a frozen CLIP embeds both the picture under the map and what
the map leaves; the texts are those of the chosen names, encoded once. `adapters.Adapter`, one for
pictures and one for texts, changes these embeddings, and `losses.clims_losses` holds them against
each other; phrases of the background see the foreground before its adapter.
Everything is a function of tensors or a module; files are read and written by `selection` alone.
"""
