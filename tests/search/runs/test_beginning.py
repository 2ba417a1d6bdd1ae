"""A search whose dense net is still trained has a folder, and is gone on with from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import fairfront
from search.config.config import Config
from search.engine import machines
from search.engine.driver import Driver
from search.engine.experiment import resume, run
from search.errors import UserError
from search.journal.journal import read_events
from search.problem import course
from search.results.confirm import confirm
from search.runs.beginning import BEGINNING, HOW_FAR, TRAINING, how_far, is_beginning
from search.runs.listing import run_line
from tests.made_tables import made_table

EPOCHS = 20


@pytest.fixture(autouse=True)
def no_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches end where their trials would begin."""
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(machines, "connected", lambda *_, **__: nullcontext())
    monkeypatch.setattr(Driver, "search", lambda self: None)
    monkeypatch.setattr(course, "KEEP_EVERY", 0.0)
    monkeypatch.setattr(course, "COST", 1e9)


def config(**search: Any) -> Config:
    return Config.model_validate(
        {
            "name": "begins",
            "data": {
                "group": "sex",
                "label": "decision",
                "positive": "granted",
                "attributes": ["sex"],
            },
            "model": {"name": "mlp", "args": {"hidden": 1}, "fused": "off"},
            # Small batches, so that an epoch lasts long enough for a key to be pressed.
            "dense": {
                **{"name": "erm", "max_epochs": EPOCHS, "check_every": 2, "patience": EPOCHS},
                "batch_size": 16,
            },
            "objective": {"bias": "spd", "tolerance": 0.1},
            "search": {"methods": ["adv_ft"], "trials": 1, "defaults": "published", **search},
            "tracking": {"enabled": False},
        }
    )


DATA = made_table(1500, 0).dropna()


def interrupts(after: int) -> Any:
    """A listener that presses Ctrl-C once so many epochs of the dense net are over."""

    def listen(event: Any) -> None:
        if event["event"] == "underway" and event["epoch"] >= after:
            raise KeyboardInterrupt

    return listen


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "begun"
    with pytest.raises(KeyboardInterrupt):
        run(config(), out=path, data=DATA, on_event=interrupts(2))
    yield path


def test_an_interrupted_dense_net_is_gone_on_with_and_is_that_of_an_undisturbed_search(
    begun: Path, tmp_path: Path
) -> None:
    told = how_far(begun)
    assert is_beginning(begun) and told is not None and 1 <= told["epoch"] < EPOCHS
    assert (begun / TRAINING).exists()
    heard: list[Any] = []
    resume(begun, data=DATA, on_event=heard.append)
    for cached in (tmp_path / "cache").rglob("*.safetensors"):
        cached.unlink()
    run(config(), out=tmp_path / "undisturbed", data=DATA)

    nets = [load_file(p / "dense.safetensors") for p in (begun, tmp_path / "undisturbed")]
    assert nets[0].keys() == nets[1].keys()
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])
    first = [event["epoch"] for event in heard if event["event"] == "underway"]
    assert all(epoch == 0 or epoch >= told["epoch"] for epoch in first)
    assert not any((begun / name).exists() for name in (BEGINNING, TRAINING, HOW_FAR))
    events = list(read_events(begun / "journal.jsonl"))
    assert [event["event"] for event in events] == ["experiment", "dense"]
    assert events[1].get("seconds", 0.0) > 0 and "epochs" not in events[1]


def test_other_commands_say_what_there_is_and_how_to_go_on(begun: Path) -> None:
    assert run_line(begun).state.startswith("dense net ")
    assert run_line(begun).state.endswith(f"/{EPOCHS}, interrupted")
    with pytest.raises(UserError, match=f"`fairfront resume {begun}` goes on"):
        confirm(begun, data=DATA)
    with pytest.raises(UserError, match="handed over from Python; hand them again"):
        resume(begun)


def test_the_folder_can_be_taken_over_and_a_search_that_does_not_fit_leaves_none(
    begun: Path, tmp_path: Path
) -> None:
    run(config(), out=begun, data=DATA)
    assert not is_beginning(begun)

    labels = DATA["decision"].sample(frac=1.0, random_state=1).to_numpy()
    hopeless = DATA.drop(columns=["decision"]).assign(decision=labels)
    with pytest.raises(UserError, match="better than a constant prediction"):
        run(config(), out=tmp_path / "new" / "run", data=hopeless)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("limit", [{"time_limit": 6.0}, {"budget": 6.0}])
def test_a_limit_leaves_the_dense_net_half_and_the_search_goes_on_with_that(
    tmp_path: Path, limit: dict[str, float]
) -> None:
    many = config(**limit).model_copy(
        update={
            "dense": Config.model_validate(
                {
                    **config().model_dump(),
                    "dense": {"name": "erm", "max_epochs": 5000, "patience": 5000},
                }
            ).dense
        }
    )
    heard: list[Any] = []
    run(many, out=tmp_path / "run", data=DATA, on_event=heard.append)

    (dense,) = [
        e for e in read_events(tmp_path / "run" / "journal.jsonl") if e["event"] == "dense"
    ]
    assert 1 <= dense["epochs"] < 5000
    assert dense["seconds"] < 10
    notes = [event["text"] for event in heard if event["event"] == "note"]
    assert any("half of the time limit or budget" in text for text in notes)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_ctrl_c_in_python_says_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt, match=r"fairfront\.resume") as caught:
        fairfront.search(config(), data=DATA, out=path, on_event=interrupts(1))
    assert caught.value.__suppress_context__
