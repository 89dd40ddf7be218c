"""A model of bags of n-grams."""

import torch
from torch import Tensor, nn

__all__ = ["NGramModel"]

INIT_STD = 0.1


class NGramModel(nn.Module):
    """Logits [N, n_outputs] of tokens [N, n_tokens]: weighted vectors, summed, and a linear layer.

    No hidden layer lies between: of a few thousand texts it learns them by heart, and does
    worse on others.

    Args:
        n_known: ids of tokens, of which 0 is padding.
        n_outputs: logits, or 1 for the value of a regression.
        token_weights: how much each token weighs, float [n_known]; all the same if not given.
            Those of a text are scaled to a length of 1.
        width: of the vectors.
        dropout: share of the sum set to 0 in training.

    Source: Joulin et al. 2017, with the weights of tf-idf for the mean.
    """

    def __init__(
        self,
        n_known: int,
        n_outputs: int,
        *,
        token_weights: Tensor | None = None,
        width: int = 32,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.vectors = nn.EmbeddingBag(n_known, width, mode="sum", padding_idx=0)
        nn.init.normal_(self.vectors.weight, std=INIT_STD)
        with torch.no_grad():
            self.vectors.weight[0] = 0
        weights = torch.ones(n_known) if token_weights is None else token_weights.float().clone()
        weights[0] = 0
        self.register_buffer("token_weights", weights)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(width, n_outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of tokens, int64 [N, n_tokens], padded with 0."""
        weights = self.get_buffer("token_weights")[tokens]
        weights = weights / weights.norm(dim=1, keepdim=True).clamp(min=1e-6)
        logits: Tensor = self.head(self.dropout(self.vectors(tokens, per_sample_weights=weights)))
        return logits
