"""Stages that prune in rounds: bias that rises with sparsity is no stagnation, and trials are
compared where they have removed about as much. Methods without rounds are decided as ever."""

from __future__ import annotations

from typing import Any

import pytest

from search.cli.replay import TABLES
from search.journal.record import SlimReport, TrialRecord
from search.replay.pool import pool_of
from search.replay.simulate import proposals_of, simulate
from search.replay.table import RecordedTable
from search.schedulers import SCHEDULERS
from search.schedulers.bias_halving import halvings
from search.schedulers.policy import Policy, Stopping
from search.schedulers.watch import RecentReports, explored

ROUNDS, EACH, FINAL = 8, 3, 6  # rounds, epochs of each, and after the last
EPOCHS = ROUNDS * EACH + FINAL  # patience: 9 epochs without a new low
ERROR = 0.01  # standard error of each bias
STOPPING = Stopping(limit=0.03, tolerance=0.05, sparsity=True, reference=(0.5, 0.05, 0.0))
HURRIED = [f"t{i:04d}" for i in range(1, 300) if not explored(0, f"t{i:04d}", 0.1)]


def round_at(epoch: int) -> int:
    """The round of an epoch from 1; the last epochs belong to the last round."""
    return min(ROUNDS, (epoch - 1) // EACH + 1)


def report(epoch: int, bias: float, performance: float = 0.8, **changes: Any) -> dict[str, Any]:
    step = round_at(epoch)
    return {
        **{"epoch": epoch, "stage": 0, "stage_epoch": epoch, "stage_epochs": EPOCHS},
        **{"final_stage": True, "last": epoch == EPOCHS, "charged": epoch * 100.0},
        **{"performance": performance, "performance_se": 0.01, "sparsity": 1 - 0.7**step},
        **{"bias": bias, "bias_interval": [bias - 1.96 * ERROR, bias + 1.96 * ERROR]},
        **{"beats_trivial": True, "feasible": bias < 0.03, "dropped": []},
        **{"candidate": f"c{epoch}", "round": step},
        **changes,
    }


def course(first: float, rise: float, **changes: Any) -> list[dict[str, Any]]:
    """Bias `first` in the first round, higher by `rise` with each round."""
    return [
        report(epoch, first + rise * (round_at(epoch) - 1), **changes)
        for epoch in range(1, EPOCHS + 1)
    ]


def without_rounds(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: one[key] for key in one if key != "round"} for one in reports]


def ended(policy: Policy, name: str, reports: list[dict[str, Any]]) -> tuple[int, str] | None:
    """After how many reports the policy ends the trial, and how; None where it runs to its end."""
    trial = TrialRecord(name, "magnitude_retrain", {})
    for one in reports:
        trial.reports.append(one)
        policy.saw(trial)
        if (verdict := policy.decide(trial)) is not None:
            trial.status = verdict.status
            policy.saw(trial)
            return len(trial.reports), verdict.status
    trial.status = "finished"
    policy.saw(trial)
    return None


def made(name: str, stopping: Stopping = STOPPING) -> Policy:
    policy = SCHEDULERS[name](stopping)
    assert policy is not None
    return policy


@pytest.mark.parametrize(
    ("reports", "end"),
    [
        (course(0.1, 0.05), None),  # each round costs five standard errors
        (without_rounds(course(0.1, 0.05)), (10, "stopped")),  # the same without rounds
        (course(0.2, 0.0), (10, "stopped")),  # flat: as without rounds
        (without_rounds(course(0.2, 0.0)), (10, "stopped")),
        (course(0.2, 0.001), (10, "stopped")),  # three rounds cost less than a standard error
        (course(0.2, -0.01), None),  # it falls
        (course(0.1, 0.05, beats_trivial=False), (10, "stopped")),  # worth nothing in any round
        (course(0.02, 0.05), None),  # feasible in the first round
    ],
)
def test_only_a_bias_that_sparsity_does_not_raise_can_stagnate(reports, end):
    assert ended(made("bias_tolerance"), HURRIED[0], reports) == end


def test_a_network_that_has_collapsed_in_a_round_is_stopped_once_patience_is_over():
    sound = course(0.1, 0.05)[:6]
    collapsed = [report(epoch, 0.0, beats_trivial=False) for epoch in range(7, EPOCHS + 1)]

    after = ended(made("bias_tolerance"), HURRIED[0], [*sound, *collapsed])

    assert after == (16, "stopped")  # nine epochs after the collapse in epoch 7


def test_medians_are_those_of_one_round():
    recent = RecentReports()
    for epoch, bias in ((1, 0.1), (2, 0.1), (3, 0.1), (4, 0.4)):
        recent.take(report(epoch, bias))
    assert recent.bias == 0.4

    recent.take(report(5, 0.2))
    assert recent.bias == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("sparsity", "times"),
    [(0.0, 0), (0.49, 0), (0.5, 1), (0.74, 1), (0.75, 2), (0.99, 6), (1.0, 20)],
)
def test_halvings_of_the_kept_weights(sparsity, times):
    assert halvings(sparsity) == times


def test_halving_ranks_trials_that_have_removed_about_as_much():
    """Five hardly pruned trials of low bias came before one that has pruned to .97."""

    def policy(ranked):
        halving = made("bias_halving")
        for name in HURRIED[:5]:
            trial = TrialRecord(name, "magnitude_retrain", {})
            trial.reports.append(ranked(report(2, 0.1, sparsity=0.3)))
            halving.saw(trial)
        return halving

    pruned, as_dense = report(2, 0.2, sparsity=0.97), report(2, 0.2, sparsity=0.4)

    assert ended(policy(dict), HURRIED[9], [pruned]) is None
    assert ended(policy(dict), HURRIED[9], [as_dense]) == (1, "stopped")
    assert ended(policy(without_round), HURRIED[9], [without_round(pruned)]) == (1, "stopped")


def without_round(one: dict[str, Any]) -> dict[str, Any]:
    return without_rounds([one])[0]


@pytest.mark.parametrize(("sparsity", "end"), [(True, None), (False, (2, "finished"))])
def test_halving_lets_a_trial_go_on_that_grows_sparser_from_feasible_rounds(sparsity, end):
    """All others are better in their first rounds; its own later ones are infeasible."""
    halving = made("bias_halving", Stopping(0.03, 0.05, sparsity, reference=(0.5, 0.05, 0.0)))
    for name in HURRIED[:9]:
        ended(halving, name, course(0.01, 0.0, performance=0.9))

    assert ended(halving, HURRIED[9], course(0.02, 0.02, performance=0.7)) == end


def taught_forecast(rise: float) -> Policy:
    policy = made("bias_forecast")
    for index in range(30):
        reports = course(0.01 + 0.0002 * index, rise, performance=0.7 + index / 400)
        shown = TrialRecord(HURRIED[index], "magnitude_retrain", {}, reports, "finished")
        policy.saw(shown)
    return policy


def test_forecast_ends_a_trial_whose_later_rounds_add_nothing_and_keeps_what_it_has():
    """Others left the tolerance in their second round and never came back."""
    policy = taught_forecast(rise=0.03)

    end = ended(policy, HURRIED[100], course(0.02, 0.03, performance=0.75))

    assert end is not None
    assert end[1] == "finished"
    assert EACH <= end[0] < EPOCHS


def test_forecast_lets_a_trial_go_on_to_sparser_rounds_that_others_kept_feasible():
    """Until its last round has begun, after which the others stayed as they were."""
    policy = taught_forecast(rise=0.0)

    end = ended(policy, HURRIED[100], course(0.01, 0.0, performance=0.9))

    assert end is None or (end[0] > EACH * (ROUNDS - 1) and end[1] == "finished")


def test_asha_does_not_set_networks_on_their_way_to_sparsity_beside_others():
    asha = made("asha")
    for name in HURRIED[:9]:
        ended(asha, name, course(0.1, 0.0, performance=0.9))

    others = without_rounds(course(0.1, 0.0, performance=0.6))
    assert ended(asha, HURRIED[9], others) is None
    assert ended(asha, HURRIED[10], course(0.1, 0.0, performance=0.6)) is not None


def test_memory_keeps_the_round_but_not_the_diagnostics():
    slim = SlimReport({**report(4, 0.1), "diagnostics": {"kept": {"1.weight": 30}}})

    assert slim["round"] == 2
    assert "diagnostics" not in slim
    assert "round" not in SlimReport(without_round(report(4, 0.1)))


@pytest.mark.parametrize(
    ("method", "scheduler", "epochs", "stopped"),
    [
        ("prune_advft", "bias_tolerance", 1193, 2),
        ("prune_advft", "bias_halving", 778, 37),
        ("prune_advft", "bias_forecast", 422, 39),
        ("prune_advft", "asha", 315, 45),
        ("adv_ft", "bias_tolerance", 574, 6),
        ("adv_ft", "bias_halving", 200, 36),
        ("adv_ft", "bias_forecast", 348, 21),
        ("adv_ft", "asha", 253, 39),
    ],
)
def test_recorded_trials_without_rounds_end_where_they_ended_before_there_were_rounds(
    method, scheduler, epochs, stopped
):
    table = RecordedTable.load(TABLES / "digits.npz")
    pool, objective = pool_of(table, method), table.header.objective
    policy = made(
        scheduler,
        Stopping(
            objective.safe_bias,
            objective.tolerance,
            table.header.sparsity,
            reference=table.header.reference,
        ),
    )
    trials = len(pool.trials)

    replayed = simulate(
        method, proposals_of(pool, "random", 0, trials), policy, trials=trials, workers=2
    )

    assert (replayed.epochs, replayed.record.count("stopped")) == (epochs, stopped)
