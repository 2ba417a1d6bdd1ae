import pytest

from analysis.words import explanation, headline, verdict
from tests.analysis.made_search import made_claim, made_claims, made_front


def chosen_of(front):
    return next(point for point in front["points"] if point["chosen"])


def confirmed(bias, *, others=True):
    """The chosen point has a bias on test; `others`: of the others some are certified."""
    front = made_front(confirmed=True)
    chosen_of(front)["test"] |= {"bias": bias, "bias_interval": [bias - 0.02, bias + 0.02]}
    chosen_of(front)["claim"] = made_claim(bias)
    if not others:
        for point in front["points"]:
            if not point["chosen"]:
                point["claim"] = made_claim(0.045)
    return front | made_claims(front["points"])


def of_earlier_version(bias, interval, kept):
    front = made_front(confirmed=True)
    for point in front["points"]:
        del point["claim"]
        point["kept_promise"] = kept
    chosen_of(front)["test"] |= {"bias": bias, "bias_interval": interval}
    return {k: v for k, v in front.items() if k not in ("claims", "handed_over")}


@pytest.mark.parametrize(
    ("front", "sentence"),
    [
        (made_front(feasible=False), "No network kept the tolerance of 0.05."),
        (
            made_front(),
            "prune_advft keeps the tolerance of 0.05 on tune; not yet confirmed on test.",
        ),
        (
            confirmed(0.02),
            "The chosen network is certified to keep the tolerance of 0.05.",
        ),
        (
            confirmed(0.04),
            "The chosen network is not certified to keep the tolerance of 0.05; another one is.",
        ),
        (
            confirmed(0.04, others=False),
            "Nothing is certified: the chosen network's bias lies below 0.05 on test, by its "
            "estimate alone.",
        ),
        (
            confirmed(0.08, others=False),
            "Nothing is certified: the chosen network did not keep the tolerance of 0.05 on test.",
        ),
        (
            of_earlier_version(0.02, [0.01, 0.03], True),
            "Nothing is certified: the chosen network's bias lies below 0.05 on test, by its "
            "estimate alone.",
        ),
        (
            of_earlier_version(0.08, [0.06, 0.1], False),
            "Nothing is certified: the chosen network did not keep the tolerance of 0.05 on test.",
        ),
    ],
)
def test_headline_says_what_was_found(front, sentence):
    assert headline(front) == sentence


def test_verdict_says_the_same_in_one_line_and_names_the_candidate():
    chosen, only_with_group = made_front(), made_front()
    name = chosen_of(chosen)["candidate"][:8]
    for point in only_with_group["points"]:
        point |= {"needs_group": True, "chosen": False}

    assert verdict(chosen) == f"Chosen: {name} (prune_advft); not confirmed on test yet."
    assert verdict({**chosen, "changed": True}) == verdict(chosen)
    other = confirmed(0.08)
    assert verdict(confirmed(0.02)).endswith("; certified on test to keep the tolerance of 0.05.")
    assert f"Handed over: {other['handed_over'][:8]} (" in verdict(other)
    assert "nothing is certified: on test it did NOT keep" in verdict(
        confirmed(0.08, others=False)
    )
    assert "nothing is certified: on test its estimate lies below" in verdict(
        confirmed(0.04, others=False)
    )
    assert verdict(made_front(feasible=False)) == (
        "Nothing was feasible: no candidate is seen to keep aod below 0.05. The closest ones are "
        "marked infeasible."
    )
    assert verdict(only_with_group) == (
        "Nothing is chosen: all that keeps aod below 0.05 needs the group at prediction time "
        "(objective.group_at_prediction = true would allow it)."
    )
    assert headline(only_with_group).startswith("Only networks that need the group")


@pytest.mark.parametrize(
    ("bias", "interval", "words"),
    [
        (0.02, [0.01, 0.03], "The whole interval lies below the tolerance."),
        (0.08, [0.06, 0.1], "The whole interval lies above the tolerance."),
        (0.04, [0.03, 0.06], "across the tolerance"),
        (0.04, None, "has no interval"),
        (0.04, [None, None], "has no interval"),
    ],
)
def test_explanation_says_what_the_interval_on_test_allows(bias, interval, words):
    assert words in " ".join(explanation(of_earlier_version(bias, interval, True)))


def test_explanation_gives_the_values_with_their_intervals():
    front = confirmed(0.0412)
    chosen_of(front)["test"]["bias_interval"] = [0.0234, 0.0589]
    chosen_of(front)["tune"] |= {"performance": 0.785, "performance_interval": [0.767, 0.803]}
    text = " ".join(explanation(front))
    assert "On tune: balanced accuracy 0.785 [0.767, 0.803]" in text
    assert "|AOD| 0.041 [0.023, 0.059]." in text
    assert "does not need the group" in text
    assert "The dense net before any pruning, on test: balanced accuracy 0.820" in text


def test_explanation_warns_when_the_test_rows_were_opened_before():
    front = of_earlier_version(0.02, [0.01, 0.03], True)
    assert "had not been opened before" in " ".join(explanation(front, opening=1))
    assert "opened 3 times in all" in " ".join(explanation(front, opening=3))


def test_explanation_says_what_is_certified_at_which_error_rate():
    front = confirmed(0.02)
    certified = sum(point["claim"]["verdict"] == "certified" for point in front["points"])
    text = " ".join(explanation(front))

    assert f"below 0.05: {certified} of the front's 14 points" in text
    assert "any claim is false is at most 0.025" in text
    assert "any other tolerance above 0.040 may be quoted" in text
    assert "tested at 0.025, as opening 1 of these test rows" in text
    assert "no later search is chosen by what an earlier opening has shown" in text


def test_explanation_names_both_where_tune_chose_another_than_the_certified_one():
    front = confirmed(0.04)
    text = " ".join(explanation(front))
    assert f"Tune chose prune_advft ({chosen_of(front)['candidate'][:8]})" in text
    assert "only its estimate lies below the tolerance" in text
    assert "on test), the best of those that are certified: weigh what that costs" in text
    assert front["handed_over"][:8] in text


def test_where_nothing_is_certified_it_says_what_it_would_have_taken():
    text = " ".join(explanation(confirmed(0.04, others=False)))
    assert "Of no network the rows of test show a bias below 0.05" in text
    assert "is estimated at 0.040 there, and may be anything from" in text
    assert "have more rows of test (some 13,000 in place of 4,321)" in text
    assert "ask for a larger tolerance (from 0.085 on)" in text
    assert "certifies nothing" in text


def test_where_the_rows_are_enough_it_is_the_networks_that_are_not_fair_enough():
    front = confirmed(0.04, others=False)
    front["claims"] |= {"rows_for_power": 2_000, "tolerance_for_power": 0.034}
    text = " ".join(explanation(front))
    assert "search longer, or with other methods, for fairer networks: the 4,321 rows" in text
    assert "in 80 % down to a tolerance of 0.034" in text
    assert "more rows" not in text


def test_files_of_earlier_versions_know_of_the_rows_alone():
    front = confirmed(0.04, others=False)
    for key in ("rows", "tolerance_for_power"):
        del front["claims"][key]
    assert "have more rows of test (some 13,000), or ask" in " ".join(explanation(front))
    front["claims"]["rows_for_power"] = None
    assert "have more rows of test, or ask" in " ".join(explanation(front))


def test_explanation_says_what_is_measured_before_it_gives_figures():
    sentences = explanation(made_front())
    bias = next(i for i, each in enumerate(sentences) if each.startswith("Bias: |AOD|, the mean"))
    assert "0 is fair, and more is less fair" in sentences[bias]
    assert bias < next(i for i, each in enumerate(sentences) if each.startswith("On tune"))


def test_chosen_point_that_needs_the_group_says_so():
    front = made_front()
    chosen_of(front)["needs_group"] = True
    assert "It needs the group at prediction time." in " ".join(explanation(front))


def test_nothing_feasible_names_the_closest_bias_and_leaves_test_sealed():
    front = made_front(feasible=False)
    front["points"][2]["tune"]["bias"] = 0.0511
    text = " ".join(explanation(front))
    assert "The closest candidate has a bias of 0.051" in text
    assert "test split stays sealed" in text


def test_search_without_any_candidate_is_explained():
    front = made_front(feasible=False, points=0)
    assert "No candidate came close enough" in " ".join(explanation(front))


def test_a_front_that_is_judged_otherwise_does_not_ask_for_a_confirmation():
    front = {**made_front(), "changed": True}
    text = " ".join([headline(front), *explanation(front)])
    assert "judged otherwise than it was searched" in text
    assert "test values are not shown" in text
    assert "run confirm" not in text


def test_networks_from_between_two_rounds_of_pruning_are_counted_in_the_explanation():
    front = made_front()
    said = " ".join(explanation({**front, "between_rounds": 2}))

    assert f"2 of the {len(front['points'])} points are networks from between two rounds" in said
    assert "rounds" not in " ".join(explanation(front))
