"""`fairfront` whose trials leave a checkpoint before every epoch, not after ten seconds of work.

So that a short trial that is killed half-way has one to go on from. Which trials went on, and
from which epoch, is added to `gone_on.txt` in the run's folder.
"""

from trainables.trial import trainable


class Eager(trainable.FairPruning):
    checkpoint_seconds = 0.0

    def _open_pipeline(self):
        pipeline = super()._open_pipeline()
        if pipeline.epoch:
            with (self.supplies.folder / "gone_on.txt").open("a") as file:
                file.write(f"{self.trial_config['trial']} {pipeline.epoch}\n")
        return pipeline


if __name__ == "__main__":  # of this module, so that Ray sends the class by value
    trainable.FairPruning = Eager  # before the engine is imported, which names it as a default
    from search.cli.app import main

    main()
