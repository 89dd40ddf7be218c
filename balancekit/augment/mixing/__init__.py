"""Mixing the pictures of a batch with each other, on the CPU or a GPU. It needs torch.

A mixer is told which task the pictures are for, and refuses where the rules forbid mixing.
With one batch it mixes pictures with others of the batch; with a second batch, row by row with
that one. So CMO and Balanced-MixUp take both halves of a batch of `TwoStreamSampler`:

    sampler = TwoStreamSampler(labels, batch_size=64)
    mixer = Mixer(CMO(), n_classes, task="natural", n_epochs=n_epochs)
    for step, batch in enumerate(DataLoader(dataset, batch_sampler=sampler)):
        (images, targets), second = split_streams(batch, 64)
        images, targets = mixer(images, targets, second=second, epoch=epoch, step=step)

`MixCollate` does the same in the workers of a loader.
"""

from balancekit.augment.mixing.collate import MixCollate, WithKeys
from balancekit.augment.mixing.mixer import Mixer
from balancekit.augment.mixing.rows import RowMixer

__all__ = ["MixCollate", "Mixer", "RowMixer", "WithKeys"]
