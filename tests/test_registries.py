"""What every registry entry must come with: a space, contract tests, a word on its source."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from search.cli.listing import KINDS, rows
from search.config.registries import Kind, registry
from spaces.compose import ROLES, stage_space
from tests.trainables.smallest_settings import SMALLEST
from trainables.methods import METHODS
from trainables.trial.spec import STAGES as STAGES_OF

TESTS = Path(__file__).parent

SEARCHED: list[tuple[Kind, str]] = [
    (kind, name) for kind in ("pruner", "recovery") for name in registry(kind)
]
STAGES: list[tuple[Kind, str]] = SEARCHED + [("dense net", name) for name in registry("dense net")]
FILED: list[tuple[Kind, str]] = STAGES + [
    (kind, name) for kind in ("model", "correction") for name in registry(kind)
]
DOCUMENTED: list[tuple[Kind, str]] = FILED + [("sampler", name) for name in registry("sampler")]
YEAR = re.compile(r"\b(19|20)\d\d\b")  # what a citation can not do without
SOURCE = re.compile(rf"{YEAR.pattern}|our own")


def fields(settings: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}


@pytest.mark.parametrize("role", ROLES)
def test_spaces_and_stages_have_the_same_names(role):
    searched, known = ROLES[role].keys(), STAGES_OF[role].keys()

    assert searched <= known
    assert searched == known or role == "dense"  # those of a search's dense net are not searched


@pytest.mark.parametrize(("role", "name"), SEARCHED)
def test_a_space_searches_only_fields_of_its_stage_and_is_empty_only_where_there_are_none(
    role, name
):
    known = fields(registry(role)[name])
    searched = stage_space(role, name).ranges.keys()

    assert searched <= known
    assert bool(searched) == bool(known)


@pytest.mark.parametrize(("role", "name"), SEARCHED)
def test_a_stage_accepts_its_published_settings_and_every_end_of_its_ranges(role, name):
    settings, space = registry(role)[name], stage_space(role, name)

    settings(**space.published)
    for key, one in space.ranges.items():
        for value in one.extremes():
            assert getattr(settings(**{**space.published, key: value}), key) == value


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_made_of_registered_stages_and_has_its_source(name):
    method = METHODS[name]

    assert method.stages
    assert all(stage.name in STAGES_OF[stage.role] for stage in method.stages)
    assert method.summary
    assert YEAR.search(method.source)


@pytest.mark.parametrize(("kind", "name"), FILED)
def test_an_entry_lives_in_the_file_of_its_name_or_family(kind, name):
    assert name.startswith(registry(kind)[name].__module__.rpartition(".")[2])


@pytest.mark.parametrize(("kind", "name"), STAGES)
def test_a_stage_has_a_row_in_the_contract_tests(kind, name):
    assert SMALLEST[("dense" if kind == "dense net" else kind, name)]


@pytest.mark.parametrize(
    "table", ["MODELS", "DATASETS", "CORRECTIONS", "MEASURES", "SAMPLERS", "SCHEDULERS"]
)
def test_the_contract_tests_run_over_the_whole_registry(table):
    row = re.compile(rf"parametrize\(\s*[^\n]*\b{table}\b")
    others = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))

    assert any(row.search(path.read_text("utf-8")) for path in others)


@pytest.mark.parametrize(("kind", "name"), DOCUMENTED)
def test_an_entry_says_what_it_is_and_where_it_comes_from(kind, name):
    entry = registry(kind)[name]
    module = inspect.getdoc(sys.modules[entry.__module__]) or ""
    own = inspect.getdoc(entry) or ""

    assert own
    assert not own.startswith(f"{entry.__name__}(")  # the signature that dataclasses write
    assert SOURCE.search(module + own)


@pytest.mark.parametrize("name", registry("measure"))
def test_a_measure_has_a_definition_and_a_source(name):
    entry = registry("measure")[name]

    assert entry.definition
    assert YEAR.search(entry.source)


@pytest.mark.parametrize("name", registry("data set"))
def test_a_data_set_names_its_page_and_its_groups(name):
    entry = registry("data set")[name]

    assert entry.source.startswith("https://")
    assert entry.summary
    assert entry.groups


@pytest.mark.parametrize("listed", KINDS)
def test_every_entry_can_be_listed_with_one_line_about_it(listed):
    listing = rows(KINDS[listed])

    assert [name for name, _ in listing] == list(registry(KINDS[listed]))
    assert all(about and "\n" not in about for _, about in listing)
