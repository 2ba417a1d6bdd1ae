import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from analysis.figures.curves import POINT_BUDGET, curves_figure, hypervolume_figure, thin
from analysis.figures.front_html import interactive_front
from analysis.front_table import looks_on_front
from analysis.report.report import report_html
from analysis.report.tables import safe_json
from tests.analysis.made_search import (
    BOX,
    OBJECTIVE,
    frames_of,
    made_events,
    made_facts,
    made_front,
    made_references,
)

EVIL = "</script><img src=x onerror=alert(1)>&\"'"


class Page(HTMLParser):
    """Collects the elements of a page and its scripts."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.figures, self.text = [], {}, ""
        self._open, self._figure = [], None
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "link"):
            self._open.append(tag)
        self._figure = dict(attrs).get("data-figure")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        self._figure = None

    def handle_data(self, data):
        if self._figure:
            self.figures[self._figure] = json.loads(data)
        elif self._open and self._open[-1] not in ("script", "style"):
            self.text += " " + data

    @property
    def balanced(self):
        return not self._open


@pytest.fixture(scope="module")
def frames():
    events = made_events(trials=24)
    return frames_of(events)


def report(frames, front=None, facts=None, references=None):
    trials, reports = frames
    made = made_references() if references is None else references
    return report_html(
        front or made_front(confirmed=True), trials, reports, made, facts or made_facts()
    )


def without_plotly(source):
    assert source.count(get_plotlyjs()) == 1
    return source.replace(get_plotlyjs(), "")


def test_report_holds_plotly_once_and_stays_small_beside_it(frames):
    assert len(without_plotly(report(frames))) < 1_000_000


def test_report_refers_to_nothing_outside_itself(frames):
    source = without_plotly(report(frames))
    assert not re.search(r"https?://|src=|href=|@import|url\(", source)
    assert "default-src 'none'" in source


def test_every_element_is_closed_and_every_figure_is_json(frames):
    page = Page(report(frames))
    assert page.balanced
    figures = {"front", "curves", "losses", "hypervolume", "compute", "price"}
    assert set(page.figures) == figures
    assert {"id": "front", "class": "figure"} in [attrs for _, attrs in page.tags]


def test_report_says_what_was_found(frames):
    text = Page(report(frames, facts=made_facts(opening=2))).text
    assert "is not certified to keep the tolerance of 0.05; another one is." in text
    assert "as opening 1 of these test rows" in text
    assert "left out: cell race=Other" in text
    assert "loss must stay finite, got nan <script>" in text


def test_report_of_nothing_feasible_says_so_and_marks_every_point_infeasible(frames):
    page = Page(report(frames, front=made_front(feasible=False, points=5)))
    assert "No network kept the tolerance of 0.05." in page.text
    assert "Closest candidates" in page.text
    groups = {"adv_ft", "magnitude_retrain", "prune_advft"}
    drawn = [
        trace
        for trace in page.figures["front"]["data"]
        if trace.get("legendgroup") in groups and trace.get("hovertext")
    ]
    symbols = {str(trace["marker"]["symbol"]) for trace in drawn}
    assert symbols
    assert all(symbol.endswith("-open") for symbol in symbols)


def test_hostile_text_stays_text_everywhere():
    front = made_front(confirmed=True)
    front["name"] = front["handed_over"] = EVIL
    for point in front["points"]:
        point["method"] = point["candidate"] = point["trial"] = point["learns_from"] = EVIL
        point["settings"] = {EVIL: {EVIL: EVIL}}
        point["tune"]["measures"] = {EVIL: 0.1}
    events = made_events(trials=9)
    for event in events:
        event |= {
            key: EVIL + str(event[key]) for key in ("trial", "method", "name") if key in event
        }
        if event.get("reason"):
            event["reason"] = EVIL
    facts = made_facts(notes=[EVIL], methods={EVIL: EVIL}, **{EVIL: {EVIL: EVIL}})
    references = [made_references()[0] | {"label": EVIL}]
    source = report_html(front, *frames_of(events), references, facts)
    page = Page(source)
    assert page.balanced
    assert "img" not in {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "<img" not in without_plotly(source)
    # Plotly reads a few tags in its texts, so hostile ones arrive there escaped.
    assert "<img" not in json.dumps(page.figures)
    assert "&lt;img" in json.dumps(page.figures)


def test_table_shows_test_columns_only_after_confirm(frames):
    sealed = Page(report(frames, front=made_front()))
    assert ">certified<" not in report(frames, front=made_front())
    assert "not yet confirmed on test" in sealed.text
    assert '<span class="good">certified</span>' in report(frames)


def test_what_the_columns_of_the_points_mean_is_said_where_they_are(frames):
    sealed = Page(report_html(made_front(), *frames, [], {})).text
    assert "Chance of a certificate" not in sealed  # this front has no such column
    front = made_front(confirmed=True)
    for point in front["points"]:
        point["chance"] = 0.7
    page = Page(report_html(front, *frames, [], {}))
    for words in (
        "Chance of a certificate: as tune saw it before test was opened",
        "Certified at: any tolerance above may be quoted",
        "AOD (signed): the mean of the groups' gaps in true and false positive rate",
        "abs. AOD: the mean of the sizes of the groups' gaps",
        "Filled marks are feasible: by what tune shows",
        "further left is fairer (a bias of 0 is fair, whatever its measure is called)",
    ):
        assert words in page.text, words
    assert page.text.index("Chance of a certificate:") < page.text.index("chance of a certificate")


def test_the_table_marks_what_is_handed_over(frames):
    front = made_front(confirmed=True)
    given = front["handed_over"]
    rows = re.findall(r"<tr[^>]*>.*?</tr>", report_html(front, *frames, [], {}))
    marked = [row for row in rows if ">handed over</span>" in row]
    assert len(marked) == 1 and given in marked[0]
    assert not any(">handed over<" in row for row in report_html(made_front(), *frames, [], {}))


def test_report_without_trials_or_points_is_still_a_page():
    empty = frames_of([])
    front = made_front(feasible=False, points=0)
    page = Page(report_html(front, *empty, [], {}))
    assert page.balanced
    assert set(page.figures) == {"front"}


def test_front_judged_by_another_measure_has_no_hypervolume_curve(frames):
    front = made_front()
    front["objective"] = OBJECTIVE | {"bias": "spd"}
    page = Page(report(frames, front=front, facts=made_facts(searched=OBJECTIVE)))
    assert set(page.figures) == {"front", "curves", "losses"}
    assert page.figures["curves"]["layout"]["yaxis"]["title"]["text"] == "|AOD|"
    assert "|SPD|" in page.figures["front"]["layout"]["xaxis"]["title"]["text"]


def test_interactive_front_carries_every_measure_and_setting_of_a_point():
    front = made_front(confirmed=True)
    methods = {point["method"] for point in front["points"]}
    drawn = [t for t in interactive_front(front).data if t.legendgroup in methods and t.hovertext]
    texts = {text for trace in drawn for text in trace.hovertext}
    assert len(texts) == len(front["points"])
    assert all("abs_aod" in text and "recovery: " in text and "test: " in text for text in texts)


def test_interactive_front_gives_the_chosen_point_its_intervals_on_test():
    front = made_front(confirmed=True)
    chosen = next(point for point in front["points"] if point["chosen"])
    figure = interactive_front(front)
    (trace,) = [t for t in figure.data if t.name == "chosen, on test, with its intervals"]
    look = looks_on_front(front)[chosen["method"]]
    assert trace.error_x.color == trace.error_y.color == look.colour  # no line of the grid is so
    assert trace.showlegend is not False
    low, high = chosen["test"]["bias_interval"]
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(low)
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(high)


def test_curves_have_lines_for_every_stage_and_crosses_for_stopped_trials(frames):
    trials, reports = frames
    figure = curves_figure(OBJECTIVE, trials, reports, chosen="t0001")
    bias = [trace for trace in figure.data if trace.yaxis == "y"]
    drawn = {(trace.legendgroup, trace.line.dash) for trace in bias if trace.mode == "lines"}
    assert ("prune_advft", "dot") in drawn
    assert ("prune_advft", "solid") in drawn
    assert ("adv_ft", "dot") not in drawn
    crosses = sum(len(trace.x) for trace in bias if trace.marker.symbol == "x-thin")
    assert crosses == (trials["status"] == "stopped").sum() > 0
    (bold,) = [trace for trace in bias if trace.name == "chosen: t0001"]
    assert len(bold.x) == (reports["trial"] == "t0001").sum()


def test_each_method_has_one_legend_entry(frames):
    names = [t.name for t in curves_figure(OBJECTIVE, *frames).data if t.showlegend]
    assert sorted(names) == ["adv_ft", "magnitude_retrain", "prune_advft"]


def test_thinning_keeps_the_ends_of_every_stage(frames):
    _, reports = frames
    thinned = thin(reports, 200)
    assert len(thinned) < 200 + 2 * reports.groupby(["trial", "stage"]).ngroups
    for bound in ("first", "last"):
        before = getattr(reports.groupby(["trial", "stage"])["epoch"], bound)()
        after = getattr(thinned.groupby(["trial", "stage"])["epoch"], bound)()
        pd.testing.assert_series_equal(before, after)
    assert thin(reports, 10**6) is reports


def test_large_search_stays_under_ten_megabytes_beside_plotly():
    events = made_events(trials=20)
    trials, reports = frames_of(events)
    many = pd.concat([reports.assign(trial=reports["trial"] + f"-{copy}") for copy in range(60)])
    trials = pd.concat([trials.assign(trial=trials["trial"] + f"-{c}") for c in range(60)])
    assert len(many) > POINT_BUDGET
    source = report_html(made_front(), trials, many, [], made_facts())
    assert len(without_plotly(source).encode()) < 10_000_000


def test_the_reference_point_is_named_and_methods_are_compared_as_they_were_searched(frames):
    front = made_front() | {"methods": ["adv_ft", "magnitude_retrain", "prune_advft"]}
    text = Page(report(frames, front=front)).text
    assert "reference point, balanced accuracy 0.500 and |AOD| 0.050" in text
    assert "samples charged" in text
    front["objective"] = OBJECTIVE | {"tolerance": 0.1}
    changed = Page(report(frames, front=front, facts=made_facts(searched=OBJECTIVE)))
    assert "Parts of the front" in changed.text
    assert "samples charged" not in changed.text
    assert "compute" not in changed.figures


def test_hypervolume_figure_is_a_staircase_over_ended_trials(frames):
    trials, reports = frames
    (trace,) = hypervolume_figure(trials, reports, BOX["reference"], BOX["ideal"]).data
    assert trace.line.shape == "hv"
    assert len(trace.x) == (trials["status"] != "running").sum()
    assert list(trace.y) == sorted(trace.y)
    assert trace.y[-1] > 0


def test_json_in_a_script_cannot_end_it():
    assert "<" not in safe_json(json.dumps({"a": EVIL}))
    assert json.loads(safe_json(json.dumps({"a": EVIL}))) == {"a": EVIL}
