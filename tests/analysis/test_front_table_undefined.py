"""Where the bias of every network is undefined, reports and figures say so and draw no box."""

import pytest

from analysis.figures.front_png import front_figure
from analysis.front_table import why_not_drawn
from analysis.report.report import report_html
from analysis.words import explanation, headline
from tests.analysis.made_search import frames_of, made_facts, made_front, made_references

EMPTY_CELLS = [["Asian", "yes"], ["Other", "yes"]]


def undefined_front(empty_cells=EMPTY_CELLS):
    front = made_front(points=0)
    front["dense"]["tune"]["bias"] = None
    return front | {"bias_undefined": {"candidates": 7, "empty_cells": empty_cells}}


def page(front, references=()):
    return report_html(front, *frames_of([]), references, made_facts())


def test_an_undefined_bias_is_not_told_as_a_broken_tolerance():
    said = " ".join([headline(undefined_front()), *explanation(undefined_front())])

    assert headline(undefined_front()) == "|AOD| is undefined for every network."
    assert "for each of the 7 candidates" in said
    assert "there are no rows of Asian, label yes; Other, label yes." in said
    assert "kept the tolerance" not in said
    assert "came close enough" not in said


def test_where_no_rows_are_missing_it_is_the_predictions_that_leave_it_undefined():
    assert "divided by zero" in " ".join(explanation(undefined_front([])))


def test_in_place_of_an_empty_figure_the_report_says_why_there_is_none():
    source = page(undefined_front())

    assert "Nothing can be drawn: |AOD| is undefined for every network." in source
    assert 'data-figure="front"' not in source
    assert "<h2>Points</h2>" not in source  # a table without a row
    assert 'data-figure="front"' in page(undefined_front(), made_references())  # a line to draw


def test_the_static_figure_has_words_and_no_axes():
    (axes,) = front_figure(undefined_front()).axes

    assert not axes.axison
    assert "|AOD| is undefined for every" in axes.texts[0].get_text()


@pytest.mark.parametrize("points", [0, 3])
def test_what_can_be_drawn_is_drawn(points):
    assert why_not_drawn(made_front(points=points), ()) is None  # the dense net at least


def test_a_search_without_candidates_is_not_called_undefined():
    front = made_front(points=0, feasible=False)
    front |= {"dense": {"tune": None, "test": None}, "bias_undefined": None}

    assert why_not_drawn(front, ()).endswith("no network has both a performance and |AOD|.")
    assert headline(front) == "No network kept the tolerance of 0.05."


def test_groups_that_were_merged_are_named_under_the_headline():
    front = made_front() | {"group_notes": ["race: groups were merged: 'N'"]}

    assert "race: groups were merged: 'N'." in explanation(front)
    assert "race: groups were merged: &#x27;N&#x27;." in page(front)
