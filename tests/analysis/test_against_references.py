"""What is said of the references, in words, tables and figures; values are made up."""

import io

from rich.console import Console

from analysis.against_references import best_reference, reference_sentences
from analysis.figures.front_html import interactive_front
from analysis.figures.front_png import front_figure
from analysis.front_table import marks_of_references, rows_of_front
from analysis.report.tables import references_table
from analysis.words import explanation, unbeaten_reference, verdict
from search.cli.front_table import front_table, legend
from search.tracking.texts import metrics_of_references, note_of_search
from tests.analysis.made_search import made_front


def values(performance, bias, feasible=True, beats_trivial=True):
    return {
        **{"performance": performance, "bias": bias, "sparsity": 0.0, "measures": {}},
        **{"feasible": feasible, "beats_trivial": beats_trivial},
        "performance_interval": [performance - 0.02, performance + 0.02],
        "bias_interval": [max(bias - 0.02, 0), bias + 0.02],
    }


def line(label, performance, bias, *, needs_group=False, test=None, **more):
    keys = {key: more.pop(key) for key in ("feasible", "beats_trivial") if key in more}
    tune = values(performance, bias, **keys)
    return {"label": label, "needs_group": needs_group, "tune": tune, "test": test, **more}


def references(confirmed=False):
    def test(performance, bias):
        return values(performance, bias) if confirmed else None

    lot = {"randomised": True, "fitted_for": "aod at 0.05"}
    return [
        line("dense net", 0.84, 0.2, feasible=False, test=test(0.84, 0.2)),
        line("dense net, group thresholds", 0.82, 0.02, needs_group=True, test=test(0.8, 0.02)),
        line("logistic regression", 0.83, 0.11, feasible=False, test=test(0.83, 0.1)),
        line(
            "logistic regression, group thresholds",
            0.825,
            0.01,
            needs_group=True,
            test=test(0.81, 0.03),
        ),
        line("reductions", 0.815, 0.02, test=test(0.79, 0.06), **lot),
    ]


def front(performance=0.8, *, confirmed=False, chosen=True, lines=None):
    made = made_front(confirmed=confirmed)
    for point in made["points"]:
        if point["chosen"]:
            point["tune"] |= {"performance": performance}
            if confirmed:
                point["test"] |= {"performance": performance - 0.01}
        point["chosen"] &= chosen
    objective = made["objective"] | {"group": "sex"}
    given = references(confirmed) if lines is None else lines
    return made | {"references": given, "objective": objective}


def test_it_says_what_the_chosen_network_costs_or_gains_against_the_best_of_either_kind():
    costs = reference_sentences(front(0.8))
    gains = reference_sentences(front(0.82))

    assert costs == [
        "Against the best reference that needs no group, reductions, for aod at 0.05 (balanced "
        "accuracy 0.815, |AOD| 0.020 on tune, randomised: it draws each decision by lot), "
        "t0034-70 costs 0.015.",
        "Against the best reference that uses the group, logistic regression, group thresholds "
        "(balanced accuracy 0.825, |AOD| 0.010 on tune), t0034-70 costs 0.025.",
    ]
    assert gains[0].endswith("t0034-70 gains 0.005.")
    assert verdict(front(0.8)).endswith(" ".join(costs))
    assert set(costs) <= set(explanation(front(0.8)))


def test_once_confirmed_the_best_on_tune_is_compared_on_test_whatever_it_is_worth_there():
    made = front(0.8, confirmed=True)
    chosen = next(p["candidate"] for p in made["points"] if p["chosen"])
    without, _ = reference_sentences({**made, "handed_over": chosen})

    assert (
        "0.790, |AOD| 0.060 on test, randomised: it draws each decision by lot, which breaks the "
        "tolerance" in without
    )
    assert without.endswith("t0034-70 comes to the same.")


def test_what_is_handed_over_is_compared_and_not_what_tune_chose():
    made = front(0.8, confirmed=True)
    other = next(p for p in made["points"] if not p["chosen"])
    other["test"] |= {"performance": 0.515}
    without, _ = reference_sentences({**made, "handed_over": other["candidate"]})

    assert without.endswith(f"{other['candidate'][:8]} costs 0.275.")  # .790 - .515


def test_what_does_not_keep_the_tolerance_on_tune_is_no_best():
    made = front(lines=[each for each in references() if each["label"] != "reductions"])

    assert best_reference(made, needs_group=False) is None
    assert reference_sentences(made)[0] == (
        "No reference that needs no group is feasible on tune (its bias below the tolerance less "
        "the margin)."
    )


def test_with_nothing_chosen_it_says_what_the_references_come_to():
    without, with_group = reference_sentences(front(chosen=False))

    assert without.startswith("The best reference that needs no group is reductions, for aod")
    assert with_group.startswith("The best reference that uses the group is logistic regression")


def test_fronts_with_the_dense_net_alone_say_nothing_new():
    made = front(lines=references()[:2])

    assert reference_sentences(made) == []
    assert unbeaten_reference(front()) is None  # the sentences above take its place


def test_the_terminal_s_table_marks_them_and_stays_80_columns_wide():
    made = front(confirmed=True)
    for point in made["points"]:
        point["method"] = "external_graft"
    shown = Console(file=io.StringIO(), width=80)
    shown.print(front_table(made))

    rows = [row.split() for row in shown.file.getvalue().splitlines()]
    assert ["x", "logistic", "regression"] in [row[:3] for row in rows]
    assert ["g", "group", "thresholds"] in [row[:3] for row in rows]
    assert ["r", "reductions", "for", "aod", "at", "0.05"] in [row[:6] for row in rows]
    assert "…" not in shown.file.getvalue()
    assert "r randomised: it draws each decision by lot" in legend(made)
    assert "randomised" not in legend(front(lines=references()[:2]))


def test_front_csv_has_a_row_for_each_and_marks_it():
    frame = rows_of_front(front())

    assert frame["reference"].sum() == len(references())
    of_lot = frame[frame["method"] == "reductions, for aod at 0.05"].iloc[0]
    assert (of_lot["tune.performance"], of_lot["feasible"]) == (0.815, True)
    assert (bool(of_lot["chosen"]), bool(of_lot["randomised"])) == (False, True)
    points = frame[~frame["reference"].astype(bool)]
    assert len(points) == len(front()["points"])
    assert all(isinstance(epoch, int) for epoch in points["epoch"])


def test_report_and_mlflow_name_them_all():
    made = front(confirmed=True)

    table = references_table(made)
    assert table.count("<tr>") == 1 + len(references())
    assert "reductions, for aod at 0.05" in table
    metrics = metrics_of_references(made)
    assert metrics["reference/reductions/test/bias"] == 0.06
    assert metrics["reference/logistic regression group thresholds/tune/performance"] == 0.825
    assert "reductions, for aod at 0.05" in note_of_search(made, 3)


def test_figures_draw_models_by_shape_hollow_where_they_use_the_group():
    made = front(lines=[*references(), line("gradient boosting", 0.5, 0.0, beats_trivial=False)])
    marks = marks_of_references(made)

    figure = front_figure(made, marks)
    (drawn_legend,) = figure.legends
    said = [text.get_text() for text in drawn_legend.get_texts()]

    assert any(text.startswith("logistic regression (bias 0.110") for text in said)
    assert "reductions, for aod at 0.05" in said
    assert "hollow: uses the group" in said
    assert not any("boosting" in text for text in said)  # no better than a constant
    traces = {trace.name: trace for trace in interactive_front(made, marks).data if trace.name}
    full = traces["logistic regression"].marker.symbol
    hollow = traces["logistic regression, group thresholds (uses the group)"].marker.symbol
    assert hollow == f"{full}-open"
    assert traces["reductions, for aod at 0.05"].marker.symbol not in (full, hollow)


def test_a_reference_without_a_bias_is_left_out_of_figures_and_stands_in_tables():
    lines = references()
    lines[2]["tune"] |= {"bias": None, "bias_interval": [None, None]}
    made = front(lines=lines)

    front_figure(made, marks_of_references(made)).savefig(io.BytesIO(), dpi=40)
    assert "logistic regression" in references_table(made)
