"""The text encoding of the predecessors: every prompt apart, padded to one length."""

import copy

import torch
from torch import Tensor, nn

from icpc.clip.text.vocabulary import END, START
from icpc.structures import CLIPFeatures

_POSITIONS = 13  # DenseCLIP: start, 8 contexts, up to 3 name tokens, end


class PaddedText(nn.Module):
    """A prompter's contexts encoded B x K times, with gradients of the tower's weights.

    Args:
        prompter: whose learned parts are shared; its text tower is copied and made trainable, which
            is what makes autograd compute the weight gradients as in DenseCLIP.
    """

    depends_on_image = True

    def __init__(self, prompter: nn.Module) -> None:
        super().__init__()
        self.prompter = prompter
        self.encoder = copy.deepcopy(prompter.text_encoder).requires_grad_(True)
        self.encoder.token_embedding.requires_grad_(False)
        names = prompter.names
        length = max(_POSITIONS - 1 - len(prompter.contexts), names.max_length)
        self.ids = torch.zeros(len(names.tokens), length, dtype=torch.long)
        for row, tokens in zip(self.ids, names.tokens, strict=True):
            row[: len(tokens) + 1] = torch.tensor([*tokens, END])
        self.lengths = torch.tensor([len(tokens) for tokens in names.tokens])

    def static_text(self) -> None:
        """No text is shared between pictures."""

    def forward(self, features: CLIPFeatures) -> Tensor:
        """(B, K, D), not normalised."""
        if hasattr(self.prompter, 'contexts_of'):
            contexts = self.prompter.contexts_of(features)  # (B, N, W)
        else:
            contexts = self.prompter.contexts.expand(len(features.pooled), -1, -1)
        batch, classes = len(contexts), len(self.ids)
        start = self.encoder.token_embedding.weight[START].expand(batch, classes, 1, -1)
        middle = contexts[:, None].expand(-1, classes, -1, -1)
        rest = self.encoder.token_embedding(self.ids).expand(batch, -1, -1, -1)
        prompts = torch.cat([start, middle, rest], dim=2).flatten(0, 1)
        ends = 1 + contexts.shape[1] + self.lengths
        return self.encoder.encode_embeddings(prompts, ends.repeat(batch)).unflatten(0, (batch, -1))
