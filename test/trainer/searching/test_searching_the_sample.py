"""A search of a real model on the built-in sample: what was learnt from its first trials beats chance, seed by seed."""

import json
import uuid
from pathlib import Path

from planted import searched
from trainer.data import sample
from trainer.data.importing import Finished as Imported
from trainer.data.importing import files_of_folder, import_dataset
from trainer.events import Epoch
from trainer.searching import Plan, Space, in_range
from trainer.training import experiment
from trainer.training.protocol import Protocol

# Of a closed form, so that a trial is one epoch. Most of the space is bad: popular items must not be held back.
MODEL = "rp3beta"
SPACE = Space((
    in_range("alpha", 0, 3, log=False, integer=False, step=0, field_at=""),
    in_range("beta", 0, 3, log=False, integer=False, step=0, field_at=""),
    in_range("k", 1, 200, log=True, integer=True, step=0, field_at=""),
))  # fmt: skip
SEEDS = 3
# Ten at random, the same of both strategies, and as many as decide.
TRIALS = 16


def test_tpe_beats_random_on_the_sample(tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    *_, imported = import_dataset(*files_of_folder(tmp_path), tmp_path / "artifacts", "e" * 64)
    assert isinstance(imported, Imported)
    known: dict[str, float] = {}

    def value(chosen: dict[str, float]) -> float:
        """Validation recall, by which trials are told."""
        config = json.dumps(chosen)
        if config not in known:
            run = str(uuid.uuid4())
            spec = experiment.RunSpec(run, MODEL, config, imported.dataset.key, 1, Protocol(), device="cpu")
            # Nothing after it decides: the test is not made.
            epoch = next(event for event in experiment.run(spec, tmp_path / "artifacts") if isinstance(event, Epoch))
            known[config] = next(one.value for one in epoch.metrics if (one.split, one.name) == ("valid", "recall@20"))
        return known[config]

    for seed in range(1, SEEDS + 1):
        random, tpe = (searched(Plan(strategy, seed, SPACE), TRIALS, objective=value) for strategy in ("random", "tpe"))
        assert [one.chosen for one in random[:10]] == [one.chosen for one in tpe[:10]]
        by_chance, learnt = (max(one.best for one in told if one.best is not None) for told in (random, tpe))
        assert learnt > by_chance + 0.01
