"""What every model of the catalogue keeps, whatever it computes."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer import artifacts, dataset, experiment, registry
from trainer.events import Epoch, Finished
from trainer.experiment import Protocol, RunSpec
from trainer.importing import Finished as Imported
from trainer.importing import files_of_folder, import_dataset
from trainer.recommender import EpochConfig, Histories, Recommender, StepConfig

MODELS = list(registry.catalogue().values())
DIGEST = "c" * 64
CPU = torch.device("cpu")
TASTES, USERS_EACH, ITEMS_EACH = 2, 24, 12


def two_tastes(folder: Path) -> None:
    """Two groups of users, each with items of its own: whoever likes one of a group likes the group's others."""
    random = np.random.default_rng(0)
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for user in range(TASTES * USERS_EACH):
        taste = user % TASTES
        for place, item in enumerate(random.permutation(ITEMS_EACH)[:8]):
            part = "valid" if place == 0 else "test" if place == 1 else "train"
            parts[part].append(f"u{user}\ti{taste * ITEMS_EACH + item}")
    for part, rows in parts.items():
        (folder / f"toy.{part}.inter").write_text("\n".join(["user_id:token\titem_id:token", *rows]) + "\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, root = tmp_path_factory.mktemp("toy"), tmp_path_factory.mktemp("artifacts")
    two_tastes(folder)
    files, rule = files_of_folder(folder)
    assert isinstance(list(import_dataset(files, rule, root, DIGEST))[-1], Imported)
    return root


def settings_of(model: type[Recommender], epochs: int) -> str:
    """Small and quick: what a toy needs of the fields that exist."""
    wanted = {
        "epochs": epochs,
        "patience": epochs,
        "learning_rate": 0.02,
        "train_batch_size": 16,
        "embedding_size": 8,
        "encoder_size": 8,
        "hidden_size": 16,
        "latent_dimension": 8,
        "num_clusters": 3,
        "k": 4,
        "neg_sample_num": 20,
        "negative_weight": 10,  # the published ones are for catalogues a thousand times as large
        "ssl_weight": 0.1,  # a toy has few others to be told apart from
    }
    fields = model.config_class.model_fields
    chosen = {name: value for name, value in wanted.items() if name in fields}
    return json.dumps(chosen)


def having(capability: str) -> list[type[Recommender]]:
    return [model for model in MODELS if capability in model.capabilities]


def spec_of(model: type[Recommender], epochs: int, **changes: object) -> RunSpec:
    values = {
        "run_id": str(uuid.uuid4()),
        "model": model.name,
        "config_json": settings_of(model, epochs),
        "dataset_key": f"datasets/{DIGEST}",
        "seed": 3,
        "protocol": Protocol(cutoffs=(5,)),
        "device": "cpu",
    }
    return RunSpec(**{**values, **changes})  # type: ignore[arg-type]


def trained(root: Path, spec: RunSpec) -> tuple[Recommender, dataset.Dataset]:
    finished = list(experiment.run(spec, root))[-1]
    assert isinstance(finished, Finished)
    loaded = artifacts.load_checkpoint(root, finished.best.key, finished.best.sha256)
    return experiment.open_checkpoint(root, loaded, CPU)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_catalogue_describes_it(model: type[Recommender]) -> None:
    assert model.title
    assert model.paper
    assert model.paper_url.startswith("https://")
    assert model.summary.endswith(".")
    schema = json.loads(registry.config_schema(model))
    for name, field in schema["properties"].items():
        assert field.get("description", "").endswith("."), f"{name} has no description"
        assert "default" in field, f"{name} has no default"
        bounded = {"minimum", "exclusiveMinimum", "enum", "const", "$ref"} & field.keys() or field["type"] == "boolean"
        assert bounded, f"{name} has no bounds"
    closed = "closed_form" in model.capabilities
    assert closed == (not issubclass(model.config_class, EpochConfig))
    assert (model.trains_on == "sweeps") == (
        issubclass(model.config_class, EpochConfig) and not issubclass(model.config_class, StepConfig)
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_its_configuration_makes_the_round_trip(model: type[Recommender]) -> None:
    config = registry.resolve_config(model, "{}")
    assert registry.resolve_config(model, config.model_dump_json()) == config


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_it_learns_the_two_tastes(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 40))
    scores = learnt.scores(Histories.of(data.train, np.arange(len(data.users))))
    assert scores.shape == (TASTES * USERS_EACH, TASTES * ITEMS_EACH)
    assert torch.isfinite(scores).all()
    if model.name == "popularity":
        return  # it knows no tastes
    taste_of_user = torch.tensor([int(data.users.id(row)[1:]) % TASTES for row in range(len(data.users))])
    taste_of_item = torch.tensor([int(data.items.id(column)[1:]) // ITEMS_EACH for column in range(len(data.items))])
    best = scores.topk(ITEMS_EACH // 2, dim=1).indices
    right = (taste_of_item[best] == taste_of_user[:, None]).double().mean()
    assert right > 0.9


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_same_run_again_gives_the_same_bits(root: Path, model: type[Recommender]) -> None:
    ends = [list(experiment.run(spec_of(model, 2), root))[-1] for _ in range(2)]
    assert all(isinstance(end, Finished) for end in ends)
    assert ends[0].parameters_sha256 == ends[1].parameters_sha256  # type: ignore[union-attr]
    assert ends[0].metrics == ends[1].metrics  # type: ignore[union-attr]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_resumed_after_any_epoch_it_ends_with_the_same_bits(root: Path, model: type[Recommender]) -> None:
    undisturbed = list(experiment.run(spec_of(model, 4), root))
    expected = undisturbed[-1]
    assert isinstance(expected, Finished)
    for epoch in [event for event in undisturbed if isinstance(event, Epoch)]:
        resume = (epoch.checkpoint.key, epoch.checkpoint.sha256)
        end = list(experiment.run(spec_of(model, 4, resume_from=resume), root))[-1]
        assert isinstance(end, Finished)
        assert (end.parameters_sha256, end.metrics) == (expected.parameters_sha256, expected.metrics)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_its_best_items_are_those_of_its_scores(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    batch = Histories.of(data.train, np.arange(len(data.users)))
    scores = learnt.scores(batch)
    seen = torch.from_numpy(data.train.toarray() > 0)
    found = learnt.best(batch, 10, batch)
    expected = torch.where(seen, -torch.inf, scores).topk(10).values
    torch.testing.assert_close(found.scores, expected)
    torch.testing.assert_close(scores.gather(1, found.columns), expected)
    assert torch.equal(learnt.scores(batch), scores), "scores must be the caller's own, who writes into them"


@pytest.mark.parametrize("model", having("fold_in"), ids=lambda model: model.name)
def test_it_recommends_to_strangers(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    known = Histories.of(data.train, np.arange(3))
    strangers = Histories(torch.full_like(known.users, -1), known.indptr, known.indices)
    assert torch.isfinite(learnt.scores(strangers)).all()
    nothing = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64))
    assert torch.isfinite(learnt.scores(nothing)).all()


@pytest.mark.parametrize("model", having("interests"), ids=lambda model: model.name)
def test_its_interests_add_up(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    batch = Histories.of(data.train, np.arange(3))
    items = torch.tensor([0, 5, 7])
    found = learnt.interests(batch, items)
    k = found.weights.shape[1]
    assert found.item_terms.shape == (3, k, 3)
    assert found.history_shares.shape == (len(batch.indices), k)
    assert (found.item_terms >= 0).all()
    torch.testing.assert_close(found.history_shares.sum(1), torch.ones(len(batch.indices)))
    torch.testing.assert_close(found.weights.sum(1), torch.ones(3))
