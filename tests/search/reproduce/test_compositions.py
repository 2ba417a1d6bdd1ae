"""Tables of what data sets are made of, counted anew and set beside the printed counts."""

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.config.config import Config
from search.errors import UserError
from search.problem.opening import open_data
from search.reproduce.compositions import (
    CompositionTable,
    DataSetLine,
    compose,
    load_composition,
)
from search.reproduce.paper import paper_table

TABLE = CompositionTable(
    name="made",
    title="A made <table>",
    paper="lin2022/1",
    data_sets=(
        DataSetLine(name="FairFace", experiment="quick"),
        DataSetLine(name="UTKFace", unavailable="nobody has it"),
        DataSetLine(name="Digits", experiment="quick", set=("data.args.skew=0.9",)),
    ),
    notes=("Digits are ours.",),
)


def test_counts_are_those_of_a_loop_over_rows_and_printed_ones_stand_beside_them(tmp_path):
    results = compose(TABLE, tmp_path)
    data = open_data(Config.load("quick", []))
    domain = data.attributes["domain"]
    expected = {"images": len(data), **dict.fromkeys(domain.names, 0)}
    for value in domain.values:
        expected[domain.names[value]] += 1
    face, utk, digits = results["lines"]

    assert face["ours"] == {**expected, "categories": len(np.unique(data.labels))}
    assert face["paper"]["images"] == "97,698" and "categories" not in face["paper"]
    assert utk["ours"] is None and utk["paper"]["White"] == "10,078"
    assert digits["paper"] == {}
    assert results["counted"][:2] == ["images", "White"]
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == results


def test_both_pages_show_every_count_and_why_one_is_missing(tmp_path):
    results = compose(TABLE, tmp_path)
    text, html = (tmp_path / name for name in ("table.md", "table.html"))
    lines = [line for line in text.read_text("utf-8").splitlines() if line.startswith("|")]
    total = f"{results['lines'][0]['ours']['images']:,}"

    assert lines[2].startswith(f"| FairFace | {total} (97,698) |")
    assert lines[3].startswith("| UTKFace | \N{EN DASH} (22,013) |")
    assert len({line.count("|") for line in lines}) == 1
    assert "- UTKFace: nobody has it" in text.read_text("utf-8")
    page = html.read_text("utf-8")
    assert f"<td>{total} (97,698)</td>" in page and "A made &lt;table&gt;" in page
    assert len(re.findall("<tr>", page)) == 1 + len(TABLE.data_sets)


def test_a_data_set_is_either_counted_or_says_why_not():
    with pytest.raises(ValueError, match="data set 'x' must have an experiment or be unavailable"):
        DataSetLine(name="x")
    with pytest.raises(ValueError, match="must have an experiment or be unavailable"):
        DataSetLine(name="x", experiment="quick", unavailable="no")


def test_missing_data_end_with_what_is_missing_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path / "empty"))
    lines = (DataSetLine(name="Adult", experiment="adult_race_spd"),)

    with pytest.raises(UserError, match="adult"):
        compose(TABLE.model_copy(update={"data_sets": lines}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_table_s_folder_is_left_as_it_is(tmp_path):
    written = tmp_path / "results.json"
    written.write_text('{"table": "another"}')

    with pytest.raises(UserError, match="--out: must be a new folder or one of made"):
        compose(TABLE, tmp_path)
    assert written.read_text() == '{"table": "another"}'
    assert compose(TABLE, tmp_path / "own") == compose(TABLE, tmp_path / "own")


def test_tables_of_networks_are_none_of_these():
    assert load_composition("zhang2022-table4") is None
    assert load_composition("no-such-table") is None


def test_a_data_set_s_own_values_and_changes_of_all_are_applied(tmp_path):
    line = DataSetLine(name="all", experiment="quick", set=("data.args.skew=0.5",))

    with pytest.raises(UserError, match="skew"):
        compose(TABLE.model_copy(update={"data_sets": (line,)}), tmp_path, ["data.args.skew=7"])
    assert not (tmp_path / "results.json").exists()


def test_the_printed_composition_has_one_column():
    assert paper_table("lin2022/1").columns == ("composition",)


@pytest.mark.parametrize(
    ("option", "value"), [("--seeds", "3"), ("--rows", "WS"), ("--only", "tuned"), ("--tune", "")]
)
def test_options_of_training_are_refused_where_data_are_counted(option, value, tmp_path):
    out = tmp_path / "out"
    given = ["reproduce", "lin2022-table1", option, *([value] if value else []), "--out", str(out)]

    result = CliRunner().invoke(app, given)

    assert result.exit_code == 2
    assert f"{option}: lin2022-table1 counts data and trains nothing" in result.output
    assert not out.exists()
