"""`python -m trainer` as a newcomer meets it: what it prints, and one clear line for each thing typed wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import trainer
from trainer.__main__ import main

SMALL = ["--set", "epochs=2", "--set", "k=2", "--set", "embedding_size=8", "--set", "encoder_size=8"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    assert main(["sample", "--out", str(folder)]) == 0
    return folder


def test_a_newcomer_trains_on_the_sample(sample: Path, tmp_path: Path) -> None:
    arguments = ["train", "--model", "valid", "--data", str(sample), "--cutoffs", "20,5", "--seed", "7", *SMALL]
    ended = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "VALID on 2,000 users, 1,000 items; run " in ended.stdout
    assert len(re.findall(r"^epoch    [12]  loss .* valid recall@20 0\.\d{4}  best ", ended.stdout, re.MULTILINE)) == 2
    assert re.search(r"^test, epoch [12], mask train \(max_epochs, ", ended.stdout, re.MULTILINE)
    assert re.findall(r"^  ([a-z]+@\d+) +0\.\d{4}$", ended.stdout, re.MULTILINE) == [
        *("recall@20", "ndcg@20", "recall@5", "ndcg@5")
    ]
    kept = re.search(r"^checkpoint (valence-runs/runs/.*/epoch-0000[12])$", ended.stdout, re.MULTILINE)
    assert kept
    assert (tmp_path / kept[1] / "manifest.json").is_file()


def test_without_a_validation_part_it_says_which_epoch_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, item in (("train", 0), ("test", 1)):
        rows = [f"u{user}\ti{(user + item) % 4}" for user in range(8)]
        (tmp_path / f"d.{part}.inter").write_text("\n".join(["user_id:token\titem_id:token", *rows, ""]))
    options = ["--set", "epochs=2", "--set", "embedding_size=4"]
    out = tmp_path / "out"
    assert main(["train", "--model", "bpr", "--data", str(tmp_path), "--out", str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert printed.count("no validation part: the last epoch is kept") == 2
    assert "nan" not in printed
    assert "test, epoch 2, mask train (max_epochs, " in printed


def test_only_the_best_and_the_last_checkpoint_are_kept(sample: Path, tmp_path: Path) -> None:
    options = [*SMALL, "--set", "epochs=5"]
    assert main(["train", "--model", "valid", "--data", str(sample), "--out", str(tmp_path), *options]) == 0
    kept = sorted(path.name for path in tmp_path.glob("runs/*/epoch-*"))
    assert len(kept) <= 2
    assert kept[-1] == "epoch-00005"


def test_the_same_command_prints_the_same_numbers(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for _ in range(2):
        assert main(["train", "--model", "popularity", "--data", str(sample), "--out", str(tmp_path)]) == 0
        printed.append(re.findall(r"^  \S+ +\S+$", capsys.readouterr().out, re.MULTILINE))
    assert printed[0] == printed[1]
    assert len(printed[0]) == 4
    assert len(list((tmp_path / "datasets").iterdir())) == 1  # imported once


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--model oracle", "error (unknown_model): no model is named 'oracle'; known: bpr, "),
        ("--model valid --set colour=red", "error (bad_configuration): valid.colour: "),
        ("--model valid --set k=0", "error (bad_configuration): valid.k: Input should be greater than or equal to 1"),
        ("--model valid --set k=many", "error (bad_configuration): valid.k: Input should be a valid integer"),
        ("--model valid --set learning_rate=NaN", "error (bad_configuration): valid.learning_rate: "),
        ("--model valid --set k", "error (bad_configuration): --set takes FIELD=VALUE, not 'k'"),
        ("--model valid --data nowhere", "error (empty_file): nowhere is not a folder"),
        ("--model valid --data /usr", "error (missing_file): /usr needs NAME.inter, or NAME.train.inter"),
        ("--model valid --cutoffs x", "error (invalid_request): cutoffs are one or more numbers from 1 to 1000"),
        ("--model valid --cutoffs 20,,50", "error (invalid_request): cutoffs are one or more numbers"),
        ("--model valid --cutoffs 0", "error (invalid_request): cutoffs are one or more numbers"),
        ("--model valid --cutoffs 20,1001", "error (invalid_request): cutoffs are one or more numbers"),
        ("--model valid --cutoffs ²", "error (invalid_request): cutoffs are one or more numbers"),
        ("--model valid --device abacus", "error (invalid_request): device is auto, cpu, cuda or cuda:N"),
        ("--model valid --seed -1", "a seed is a whole number from 0, not '-1'"),
        ("--model valid --seed 1.5", "a seed is a whole number from 0, not '1.5'"),
        ("--model valid --seed 9223372036854775808", "a seed is a whole number from 0, not '9223372036854775808'"),
        ("--model valid --mask-test all", "argument --mask-test: invalid choice: 'all'"),
        ("--set k=2", "the following arguments are required: --model"),
        ("--model valid --out /dev/null/x", "error: Not a directory: /dev/null/x"),
    ],
)
def test_what_is_typed_wrong_is_said_in_one_line(
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ["train", "--data", str(sample), *arguments.split()]  # of an option that is given twice the last counts
    try:
        status = main(typed)
    except SystemExit as ended:  # argparse prints the usage and ends
        assert isinstance(ended.code, int)
        status = ended.code
    printed = capsys.readouterr().err.splitlines()
    assert status != 0
    assert line in printed[-1]
    assert len(printed) == 1 or printed[0].startswith("usage: ")


def test_lines_that_cannot_be_read_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.inter").write_text("user_id\titem_id\nanna\tx\n\ty\nben\n")
    assert main(["train", "--model", "popularity", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "error (bad_rows): 2 of 3 rows of interactions cannot be read; mend them: skipBadRows leaves out at most 1% of "
        "the rows of each role",
        "mine.inter:3: the id is empty",
        "mine.inter:4: 1 field where 2 are named",
    ]


def test_the_models_and_their_fields_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"valid", "macridvae", "popularity"} <= set(names)
    assert main(["models", "valid"]) == 0
    assert re.search(r"^k +4 +Interests of a user", capsys.readouterr().out, re.MULTILINE)
    assert main(["models", "oracle"]) == 1
    assert "no model is named 'oracle'" in capsys.readouterr().err


def test_the_sample_is_not_written_over_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["sample", "--out", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"error: File exists: {tmp_path / 'file'}\n"
    assert (tmp_path / "file").read_text() == "mine"
