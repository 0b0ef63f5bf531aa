"""What every model of the catalogue keeps, whatever it computes."""

import json
import os
import uuid
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from trainer import registry
from trainer.contract.recommender import EpochConfig, Histories, Recommender, StepConfig
from trainer.data import dataset
from trainer.data.importing import Finished as Imported
from trainer.data.importing import files_of_folder, import_dataset
from trainer.events import Epoch, Finished
from trainer.models.dgcf import DGCF
from trainer.models.valiant import Valiant
from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.everybody import lists_of
from trainer.serving.person import known_user
from trainer.storage import artifacts
from trainer.training import experiment
from trainer.training.checkpoint import open_checkpoint, parts_of
from trainer.training.experiment import RunSpec
from trainer.training.protocol import Protocol

MODELS = list(registry.catalogue().values())
DIGEST = "c" * 64
CPU = torch.device("cpu")
TRAINED_ON = os.environ.get("VALENCE_TEST_DEVICE", "cpu")  # CONTRIBUTING.md: on a GPU
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
        "linear_k": 6,
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
        "device": TRAINED_ON,
    }
    return RunSpec(**{**values, **changes})  # type: ignore[arg-type]


def trained(root: Path, spec: RunSpec) -> tuple[Recommender, dataset.Dataset]:
    finished = list(experiment.run(spec, root))[-1]
    assert isinstance(finished, Finished)
    loaded = artifacts.load_checkpoint(root, finished.best.key, finished.best.sha256)
    return open_checkpoint(root, loaded, CPU)


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
    first = schema.get("x-first", [])
    assert set(first) <= set(schema["properties"]), f"{model.name} puts fields first that it does not have"
    assert first or len(schema["properties"]) <= 5, f"{model.name} has many fields and puts none first"
    closed = "closed_form" in model.capabilities
    assert closed == (not issubclass(model.config_class, EpochConfig))
    assert (model.trains_on == "sweeps") == (
        issubclass(model.config_class, EpochConfig) and not issubclass(model.config_class, StepConfig)
    )


@pytest.mark.parametrize("model", having("closed_form"), ids=lambda model: model.name)
def test_a_closed_form_is_the_same_with_every_seed(root: Path, model: type[Recommender]) -> None:
    """The api runs it once, whatever the seeds."""
    one, other = (list(experiment.run(spec_of(model, 1, seed=seed), root))[-1] for seed in (3, 4))
    assert isinstance(one, Finished)
    assert isinstance(other, Finished)
    assert one.parameters_sha256 == other.parameters_sha256
    assert one.metrics == other.metrics


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
    if "similar" not in model.capabilities:
        return
    loaded = LoadedCheckpoint(learnt, data, CPU)
    pairs = [(item, found.column) for item in range(len(data.items)) for found in loaded.similar(item, 5)]
    assert len(pairs) > 4 * len(data.items)
    one, other = torch.tensor(pairs).T
    assert (one != other).all()
    # Half of them by chance; .62 to .88 over seeds and devices.
    assert (taste_of_item[one] == taste_of_item[other]).double().mean() > 0.6


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


@pytest.mark.parametrize("model", [model for model in MODELS if model.constant], ids=lambda model: model.name)
def test_what_it_calls_constant_is_written_once_and_no_step_changes_it(
    root: Path, model: type[Recommender], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[dict[str, Tensor]] = []
    parts = parts_of

    def watched(trained: Recommender) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        changing, unchanging = parts(trained)
        kept.append({name: tensor.clone() for name, tensor in unchanging.items()})
        return changing, unchanging

    monkeypatch.setattr(experiment, "parts_of", watched)
    spec = spec_of(model, 3)
    epochs = [event for event in experiment.run(spec, root) if isinstance(event, Epoch)]
    first, *later = kept[1:]  # before the first epoch there is nothing yet
    assert first
    assert len(later) == 2
    for one in later:
        assert one.keys() == first.keys()
        assert all(torch.equal(one[name], tensor) for name, tensor in first.items())
    (folder,) = (root / f"runs/{spec.run_id}").glob("constant-*")
    proofs = [(epoch.checkpoint.key, epoch.checkpoint.sha256) for epoch in epochs]
    found = [artifacts.load_checkpoint(root, *proof).constant for proof in proofs]
    assert [one and one.folder for one in found] == [folder.name] * 3
    list(experiment.run(replace(spec, resume_from=proofs[1]), root))
    assert list((root / f"runs/{spec.run_id}").glob("constant-*")) == [folder]


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


if TRAINED_ON != "cpu":

    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
    def test_it_answers_there_as_it_does_on_the_cpu(root: Path, model: type[Recommender]) -> None:
        """All that serving asks of a model, with the checkpoint of one device on the other."""
        finished = list(experiment.run(spec_of(model, 2), root))[-1]
        assert isinstance(finished, Finished)
        loaded = artifacts.load_checkpoint(root, finished.best.key, finished.best.sha256)
        (here, data), (there, _) = (open_checkpoint(root, loaded, torch.device(name)) for name in ("cpu", TRAINED_ON))
        on_cpu = Histories.of(data.train, np.arange(len(data.users)))
        on_device = Histories.of(data.train, np.arange(len(data.users)), TRAINED_ON)
        near = {"rtol": 1e-4, "atol": 1e-4}
        torch.testing.assert_close(there.scores(on_device).cpu(), here.scores(on_cpu), **near)
        found, interests = there.explained(on_device, 10, on_device)
        expected, told = here.explained(on_cpu, 10, on_cpu)
        torch.testing.assert_close(found.scores.cpu(), expected.scores, **near)
        if told is not None:
            assert interests is not None
            torch.testing.assert_close(interests.weights.cpu(), told.weights, **near)
            torch.testing.assert_close(interests.history_shares.cpu(), told.history_shares, **near)
        if "similar" in model.capabilities:
            one, other = LoadedCheckpoint(there, data, torch.device(TRAINED_ON)), LoadedCheckpoint(here, data, CPU)
            for item in range(3):
                scores = [[found.score for found in opened.similar(item, 5)] for opened in (one, other)]
                np.testing.assert_allclose(*scores, **near)


@pytest.mark.parametrize("model", having("fold_in"), ids=lambda model: model.name)
def test_it_recommends_to_strangers(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    known = Histories.of(data.train, np.arange(3))
    strangers = Histories(torch.full_like(known.users, -1), known.indptr, known.indices)
    assert torch.isfinite(learnt.scores(strangers)).all()
    nothing = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64))
    assert torch.isfinite(learnt.scores(nothing)).all()


@pytest.mark.parametrize("model", having("similar"), ids=lambda model: model.name)
def test_what_makes_items_alike_gives_reasons(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    vectors = learnt.item_vectors()
    if vectors is not None:
        assert vectors.shape[0] == len(data.items)
        torch.testing.assert_close(torch.linalg.vector_norm(vectors, dim=1), torch.ones(len(data.items)))
    else:
        known = Histories.of(data.train, np.arange(7))
        users = torch.where(known.users % 2 == 0, known.users, -1)  # some of them as strangers
        batch = Histories(users, known.indptr, known.indices)
        items = torch.from_numpy(np.random.default_rng(0).integers(0, len(data.items), (7, 9)))
        added = learnt.contributions(batch, items)
        assert added.shape == (len(batch.indices), 9)
        rows = torch.arange(7).repeat_interleave(batch.indptr.diff())
        sums = torch.zeros(7, 9).index_add(0, rows, added)
        torch.testing.assert_close(sums, learnt.scores(batch).gather(1, items), atol=1e-5, rtol=1e-4)
    loaded = LoadedCheckpoint(learnt, data, CPU)
    person = known_user(data, data.users.id(0))
    [lists] = lists_of(loaded, np.array([0]), 10, explain=True)
    assert lists.because is not None
    assert (lists.because >= 0).any()
    assert set(lists.because.ravel().tolist()) <= {-1, *person.history.tolist()}


def test_where_the_linear_path_leads_its_own_reasons_are_told(root: Path) -> None:
    learnt, data = trained(root, spec_of(Valiant, 2))
    loaded = LoadedCheckpoint(learnt, data, CPU)
    [lists] = lists_of(loaded, np.array([0]), 10, explain=True)
    assert lists.because is not None
    assert lists.linear is not None
    assert lists.shares is not None
    batch = Histories.of(data.train, np.array([0]))
    added = learnt.contributions(batch, torch.from_numpy(lists.columns)[None])
    leads = np.flatnonzero(lists.linear > lists.shares.max(1))
    assert leads.size > 0
    for place in leads:
        strongest = int(batch.indices[added[:, place].argmax()])
        assert lists.because[place, 0] == (strongest if float(added[:, place].max()) > 0 else -1)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_it_declares_whether_it_knows_what_is_alike(root: Path, model: type[Recommender]) -> None:
    learnt, _ = trained(root, spec_of(model, 2))
    knows = learnt.item_vectors() is not None or model.contributions is not Recommender.contributions
    assert knows == ("similar" in model.capabilities)


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
    own = torch.stack([items, items.flip(0), items])  # each user's own items
    swapped = learnt.interests(batch, own).item_terms[1]
    torch.testing.assert_close(swapped, found.item_terms[1].flip(1))
    torch.testing.assert_close(found.history_shares.sum(1), torch.ones(len(batch.indices)))
    torch.testing.assert_close(found.weights.sum(1), torch.ones(3))


def steered(batch: Histories, weights: Tensor) -> Histories:
    return replace(batch, weights=weights)


def interests_of(model: Recommender, data: dataset.Dataset) -> int:
    return model.interests(Histories.of(data.train, np.arange(1)), torch.arange(1)).weights.shape[1]


def weighed_by_hand(model: Recommender, batch: Histories, weights: Tensor) -> Tensor:
    """Scores [B, N] in float64, one interest after the other; `model` in float64, `batch` not steered."""
    scores = torch.empty(len(batch), model.n_items, dtype=torch.float64)
    if isinstance(model, DGCF):
        users, items = model.vectors()
        factors = zip(*(part.chunk(model.config.n_factors, dim=1) for part in (users[batch.users], items)), strict=True)
        parts = torch.stack([w[:, None] * (own @ items.T) for w, (own, items) in zip(weights.T, factors, strict=True)])
        scores = parts.sum(0)
        muting = (weights == 0).any(1)[:, None]
        return scores.masked_fill(muting & ~(parts > 0).any(0), -torch.inf)
    terms = model.interests(batch, torch.arange(model.n_items)).item_terms
    for row in range(len(batch)):
        scores[row] = sum(w * term for w, term in zip(weights[row], terms[row], strict=True)).log()
    if isinstance(model, Valiant):
        beside = model.offsets(batch)
        assert beside is not None
        scores += beside
    return scores


@pytest.mark.parametrize("model", having("interests"), ids=lambda model: model.name)
def test_steering_multiplies_its_interests_inside_the_score(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 8))
    k, people, chance = interests_of(learnt, data), np.arange(len(data.users)), torch.Generator().manual_seed(6)
    batch, items = Histories.of(data.train, people), torch.arange(len(data.items))
    weights = torch.tensor([0.0, 0.0, 0.25, 1.0, 2.0, 4.0])[torch.randint(6, (len(people), k), generator=chance)]
    weights[weights.sum(1) == 0, 0] = 1.0
    weights[::4] = 1.0
    scores, found = learnt.scores(steered(batch, weights)), learnt.best(steered(batch, weights), 10, batch)
    terms = learnt.interests(steered(batch, weights), items).item_terms
    unsteered = learnt.scores(batch), learnt.best(batch, 10, batch), learnt.interests(batch, items).item_terms

    for ours, theirs in ((scores, unsteered[0]), (found.scores, unsteered[1].scores), (terms, unsteered[2])):
        assert torch.equal(ours[::4], theirs[::4]), "1 everywhere is the same to the digit, whoever stands beside"
    for ours, theirs in ((scores, unsteered[0]), (terms, unsteered[2])):
        everybody = torch.ones(len(people), k)
        again = learnt.scores if ours is scores else lambda at: learnt.interests(at, items).item_terms
        assert torch.equal(again(steered(batch, everybody)), theirs)
    torch.testing.assert_close(terms, unsteered[2] * weights[:, :, None])

    exact = weighed_by_hand(learnt.double().train().eval(), batch, weights.double())
    torch.testing.assert_close(scores.double(), exact, rtol=1e-5, atol=1e-5)
    unseen = exact.masked_fill(torch.from_numpy(data.train.toarray() > 0), -torch.inf)
    expected = unseen.topk(10).values
    torch.testing.assert_close(found.scores.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(found.columns == -1, expected == -torch.inf)
    answered = unseen.gather(1, found.columns.clamp(min=0)).masked_fill(found.columns == -1, -torch.inf)
    torch.testing.assert_close(answered, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", having("interests"), ids=lambda model: model.name)
def test_what_is_muted_alone_is_not_answered(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    batch = Histories.of(data.train, np.arange(3))
    nothing = steered(batch, torch.zeros(3, interests_of(learnt, data)))
    assert (learnt.scores(nothing) == -torch.inf).all()
    found, interests = learnt.explained(nothing, 5, batch)
    assert (found.columns == -1).all()
    assert interests is not None
    assert (interests.item_terms == 0).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_its_best_items_explained_are_its_best_items_and_their_interests(root: Path, model: type[Recommender]) -> None:
    learnt, data = trained(root, spec_of(model, 2))
    batch = Histories.of(data.train, np.arange(7))
    if "interests" in model.capabilities:
        batch = steered(batch, torch.linspace(0, 4, interests_of(learnt, data)).repeat(7, 1))
    ranking, interests = learnt.explained(batch, ITEMS_EACH * TASTES, batch)
    expected = learnt.best(batch, ITEMS_EACH * TASTES, batch)
    assert torch.equal(ranking.columns, expected.columns)
    assert torch.equal(ranking.scores, expected.scores)
    if "interests" not in model.capabilities:
        assert interests is None
        return
    assert interests is not None
    alone = learnt.interests(batch, ranking.columns.clamp(min=0))
    assert (interests.linear is not None) == ("linear" in model.capabilities)
    for one, other in zip(astuple(interests), astuple(alone), strict=True):
        assert (one is None and other is None) or torch.equal(one, other)
