"""The official files: counts, columns and classes, and readable errors where they differ."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from trainables.data.prepare import prepare
from trainables.data.registry import DATASETS, load_named
from trainables.data.sets import adult, cifar10s, compas


@pytest.fixture
def real(request) -> Path:
    """The folder of real data; skips, saying so, where it lacks the files of this data set."""
    folder = os.environ.get("FAIRFRONT_DATA")
    if not folder:
        pytest.skip("FAIRFRONT_DATA is not set: real data are not tested")
    for file in DATASETS[request.param].files:
        if not (Path(folder) / file).is_file():
            pytest.skip(f"{file} is not in FAIRFRONT_DATA: {request.param} is not tested")
    return Path(folder)


def on(name: str):
    return pytest.mark.parametrize("real", [name], indirect=True)


@pytest.mark.data
@on("adult")
def test_adult_has_the_published_rows_columns_and_groups(real):
    data = load_named("adult")
    sex, race = data.attributes["sex"], data.attributes["race"]
    prepared = prepare(data, group="sex")

    assert len(data) == 45_222
    assert data.labels.sum() == 11_208
    assert prepared.input_shape == (98,)
    assert sex.names == ("Female", "Male")
    assert np.bincount(sex.values).tolist() == [14_695, 30_527]
    assert np.bincount(race.values).tolist() == [435, 1_303, 4_228, 353, 38_903]
    assert prepared.encoder.features[:7] == (
        *("age", "education-num", "capital-gain", "capital-loss", "hours-per-week"),
        *("sex", "race"),
    )
    assert "fnlwgt" not in data.inputs.columns


@pytest.mark.data
@on("adult")
def test_adult_keeps_the_races_that_are_large_enough_and_names_the_others(real):
    prepared = prepare(adult.load(folder=real), group="race")

    assert prepared.group_names == ("Asian-Pac-Islander", "Black", "White")
    assert any("'Amer-Indian-Eskimo'" in note and "'Other'" in note for note in prepared.notes)


@pytest.mark.data
@on("adult")
def test_adult_keeps_all_groups_of_enough_rows_where_accuracies_are_compared(real):
    data = adult.load(folder=real)
    by_race = prepare(data, group="race", min_cell_of="groups")
    crossed = prepare(data, group="sex*race", min_cell_of="groups")

    assert by_race.group_names == data.attributes["race"].names
    assert "left_out" not in by_race.parts
    alone = [name for name in crossed.group_names if " + " not in name]
    assert len(alone) == 7
    held_back = np.bincount((data.crossing[crossed.parts["held_back"].rows]), minlength=10)
    assert (held_back >= 20).sum() == 7


@pytest.mark.data
@on("adult")
@pytest.mark.parametrize("group", ["sex", "race=White"])
def test_on_adult_both_rules_draw_the_rows_that_the_presets_have_always_had(real, group):
    data = adult.load(folder=real)
    cells, groups = (prepare(data, group=group, min_cell_of=rule) for rule in ("cells", "groups"))

    assert cells.hashes == groups.hashes
    assert cells.notes == groups.notes
    for name, part in cells.parts.items():
        assert (part.weights == groups.parts[name].weights).all()


@pytest.mark.data
@on("adult")
def test_adult_can_compare_white_with_all_others(real):
    prepared = prepare(adult.load(folder=real), group="race=White")

    assert prepared.group_names == ("other", "White")
    assert sum(len(part) for part in prepared.parts.values()) > 40_000


@pytest.mark.data
@on("compas")
def test_compas_has_the_published_rows_columns_and_groups(real):
    data = compas.load(folder=real)
    sex, race = data.attributes["sex"], data.attributes["race"]
    prepared = prepare(data, group="sex")

    assert len(data) == 6_167
    assert prepared.input_shape == (401,)
    assert sex.names == ("Male", "Female")
    assert np.bincount(sex.values).tolist() == [4_994, 1_173]
    assert data.labels[sex.values == 0].mean() == pytest.approx(0.48, abs=0.005)
    assert data.labels[sex.values == 1].mean() == pytest.approx(0.35, abs=0.005)
    assert len(race.names) == 6
    assert len(prepared.parts["test"]) == pytest.approx(0.2 * 6_167, abs=2)


@pytest.mark.data
@on("cifar10s")
def test_cifar10s_is_read_from_the_official_batches(real):
    data = cifar10s.load(folder=real, images=2_000)
    train = data.splits["train"]
    domain, labels = data.attributes["domain"].values[train], data.labels[train]

    assert len(train) == 1_600
    assert len(data.splits["test"]) == 2 * 400
    for label in range(10):
        share = domain[labels == label].mean()
        assert share == pytest.approx(0.95 if label in cifar10s.COLOUR else 0.05, abs=0.004)


@pytest.fixture
def fake_adult(tmp_path, monkeypatch):
    monkeypatch.setattr(adult, "ROWS", {"adult.data": 2, "adult.test": 1})
    (tmp_path / "adult").mkdir()
    row = (
        "39, Private, 7, HS-grad, 9, Divorced, Sales, Wife, {race}, Male, 0, 0, 40, {land}, <=50K"
    )
    first = row.format(race="White", land="Cuba"), row.format(race="Black", land="?")
    (tmp_path / "adult/adult.data").write_text("\n".join(first) + "\n\n")
    second = row.format(race="White", land="Cuba") + "."
    (tmp_path / "adult/adult.test").write_text(f"|1x3 Cross validator\n{second}\n")
    return tmp_path


def test_wrong_counts_of_adult_say_what_was_expected_and_found(fake_adult, monkeypatch):
    with pytest.raises(ValueError, match="<=50K: expected 34014, found 2; >50K: expected 11208"):
        adult.load(folder=fake_adult)
    monkeypatch.setattr(adult, "ROWS", {"adult.data": 32_561, "adult.test": 1})
    with pytest.raises(ValueError, match=r"adult\.data: expected 32561, found 2"):
        adult.load(folder=fake_adult)


def test_a_broken_row_of_adult_is_named(fake_adult):
    (fake_adult / "adult/adult.data").write_text("39, Private\n40, Private\n")

    with pytest.raises(ValueError, match=r"adult\.data must have 15 columns, got 2 in row 1"):
        adult.load(folder=fake_adult)


def test_a_file_of_compas_without_its_columns_is_refused(tmp_path):
    (tmp_path / "compas").mkdir()
    (tmp_path / "compas/compas-scores-two-years.csv").write_text("id,sex\n1,Male\n")

    with pytest.raises(ValueError, match=r"must have the columns \['race', 'two_year_recid'"):
        compas.load(folder=tmp_path)
