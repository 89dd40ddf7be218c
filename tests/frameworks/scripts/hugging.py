"""The Hugging Face Trainer: `hugging.py OUT [STATES]`."""

import sys
from pathlib import Path

from task import EPOCHS, LABELS, SEED, STOP, TOGETHER, Model, Numbered, write
from transformers import Trainer, TrainingArguments

from balancekit import BalancedSampler


class BalancedTrainer(Trainer):
    def _get_train_sampler(self, train_dataset=None):
        return BalancedSampler(
            LABELS,
            self.args.train_batch_size,
            seed=SEED,
            rank="all",
            world_size=self.args.world_size,
        )

    def get_train_dataloader(self):
        loader = super().get_train_dataloader()
        # accelerate then finds the sampler below the batches that a resumed epoch skips, too.
        batches = loader.batch_sampler
        loader.set_sampler(getattr(batches, "batch_sampler", batches).sampler)
        return loader


def train(out, states, workers):
    model = Model()
    arguments = TrainingArguments(
        str(out),
        num_train_epochs=EPOCHS,
        save_steps=STOP,
        dataloader_num_workers=workers,
        use_cpu=True,
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )
    arguments.per_device_train_batch_size = TOGETHER // arguments.world_size
    trainer = BalancedTrainer(model=model, args=arguments, train_dataset=Numbered())
    trainer.train(resume_from_checkpoint=states and str(states / f"checkpoint-{STOP}"))
    return model.met


def main(out, states=None):
    runs = {"trainer": 0, "workers": 2}
    met = {
        name: train(Path(out) / name, states and Path(states) / name, workers)
        for name, workers in runs.items()
    }
    write(out, met)


if __name__ == "__main__":
    main(*sys.argv[1:])
