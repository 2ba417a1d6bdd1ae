"""What the report and the tables of a front say of a second decision and of no-ops."""

import pytest

from analysis.figures.hover import point_details
from analysis.front_table import front_frame
from analysis.report.report import report_html
from analysis.words import explanation, no_op_sentences
from search.cli.front_table import front_table, legend
from tests.analysis.made_search import frames_of, made_events, made_facts, made_front
from tests.analysis.report.test_report import Page

WHAT = "its adversary found out <nothing>"


@pytest.fixture
def plain():
    return made_front(confirmed=True)


@pytest.fixture
def shown(plain):
    """The front with a second decision at .5, each of whose values is easily told from others."""
    points = [
        {**p, "beside": {"decision": {}, "tune": second(p, 0.61), "test": second(p, 0.62)}}
        for p in plain["points"]
    ]
    return {**plain, "points": points, "beside": "fixed"}


def second(point, performance):
    return {**point["tune"], "performance": performance, "bias": 0.333}


def flagged(front):
    row = {"method": "adv_ft", "stage": "adversarial", "what": WHAT, "trials": 2, "of": 9}
    points = [
        {**p, "no_ops": [f"adversarial: {WHAT} (advantage at most 0)"]} if p["chosen"] else p
        for p in front["points"]
    ]
    return {**front, "points": points, "no_ops": [row]}


def page_of(front):
    trials, reports = frames_of(made_events(trials=9))
    return report_html(front, trials, reports, [], made_facts())


def test_the_points_have_columns_of_the_second_decision(plain, shown):
    without, page = Page(page_of(plain)), Page(page_of(shown))

    assert "at .5, tune" in page.text
    assert "At .5: a second decision on the same scores" in page.text
    assert page.text.count("0.610") >= len(shown["points"])
    assert page.text.count("0.620") >= len(shown["points"])
    assert "at .5" not in without.text.lower()


def test_all_else_in_the_figures_is_the_same(plain, shown):
    """The front's picture says it under the mouse alone."""
    before, after = Page(page_of(plain)).figures, Page(page_of(shown)).figures

    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == {"front"}
    assert "tune, at .5: " in point_details(shown, shown["points"][0])


def test_no_ops_are_flagged_where_the_point_stands_and_in_a_section_of_their_own(plain):
    front = flagged(plain)
    source = page_of(front)
    page = Page(source)

    assert ">no-op</span>" in source
    assert page.text.count(WHAT) >= 2
    assert "<nothing>" not in source
    assert "No-op: in 2 of 9 trials of adv_ft the stage adversarial" in page.text
    assert "The chosen network is of such a trial" in " ".join(explanation(front))
    assert "no-op: adversarial" in point_details(front, _chosen(front))
    assert "no-op" not in Page(page_of(plain)).text.lower()


def _chosen(front):
    return next(point for point in front["points"] if point["chosen"])


def test_the_terminal_s_table_has_both(plain, shown):
    front = flagged(shown)
    table = front_table(front)
    columns = {str(it.header): [str(cell) for cell in it.cells] for it in table.columns}

    assert set(columns["perf.\nat .5\non test"]) == {"0.620"}
    assert [mark for mark in columns[""] if "!" in mark] == ["*!"]
    assert "! no-op" in legend(front)
    assert "! no-op" not in legend(shown)
    assert not any("at .5" in str(column.header) for column in front_table(plain).columns)
    assert len(no_op_sentences(front)) == 2


def test_front_csv_has_both(shown):
    frame = front_frame(flagged(shown))

    assert set(frame["beside.tune.performance"]) == {0.61}
    assert set(frame["beside.test.bias"]) == {0.333}
    assert frame["no_ops"].notna().sum() == 1


def test_losses_of_the_front_have_a_figure(plain):
    trials, reports = frames_of(made_events(trials=60))
    on_front = reports["trial"].iloc[0]
    front = {**plain, "points": [{**plain["points"][0], "trial": on_front}]}

    page = Page(report_html(front, trials, reports, [], made_facts()))

    assert "Losses" in page.text
    assert page.figures["losses"]["data"]
