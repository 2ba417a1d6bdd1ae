"""Named data sets, where their files are looked for, and what a missing file says."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from trainables.data.registry import DATASETS, load_named
from trainables.data.sets.download import REMOTES
from trainables.data.sets.folder import data_folder


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_says_what_it_is_and_where_it_comes_from(name):
    entry = DATASETS[name]

    assert entry.summary
    assert entry.source.startswith("https://")
    assert entry.groups
    assert inspect.getdoc(inspect.getmodule(entry.load))
    keywords = inspect.signature(entry.load).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in keywords)


@pytest.mark.parametrize("name", [name for name, one in DATASETS.items() if not one.by_hand])
def test_every_file_that_a_data_set_needs_can_be_fetched(name):
    fetched = {
        path for remote in REMOTES.get(name, ()) for path in (remote.members or [remote.path])
    }

    assert fetched == set(DATASETS[name].files)


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.files])
def test_a_missing_file_says_which_where_and_how_to_get_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="is missing") as raised:
        load_named(name)

    message = str(raised.value)
    assert (f"fairfront data get {name}" in message) != DATASETS[name].by_hand
    assert str(tmp_path / DATASETS[name].files[0]) in message
    assert DATASETS[name].source in message
    assert "FAIRFRONT_DATA" in message


def test_data_lie_where_the_environment_says_else_in_the_cache(monkeypatch):
    monkeypatch.setenv("FAIRFRONT_DATA", "/some/where")
    assert data_folder() == Path("/some/where")
    monkeypatch.delenv("FAIRFRONT_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert data_folder() == Path("/caches/fairfront/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder() == Path.home() / ".cache/fairfront/data"


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("digit", {}, "unknown data set 'digit'; did you mean 'digits'"),
        ("digits", {"skwe": 0.9}, "digits takes no 'skwe'; did you mean 'skew'"),
        ("digits", {"split_seed": 3}, "digits takes no 'split_seed'"),
        ("adult", {"skew": 0.9}, "adult takes no 'skew'; known: none"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name, args, message):
    with pytest.raises(ValueError, match=message):
        load_named(name, args)


def test_the_split_seed_reaches_loaders_that_draw_splits():
    first, second = (load_named("digits", {"skew": 0.9}, split_seed=seed) for seed in (0, 1))

    assert first.units.tolist() != second.units.tolist()
