import pytest

from search.journal.record import TrialRecord
from search.replay.simulate import proposals_of
from search.samplers import SAMPLERS
from tests.search.replay.made_table import FAIR, UNFAIR, Made, pool

LRS = [0.01 * 100 ** (k / 11) for k in range(12)]  # evenly over the range
POOL = pool(
    *(Made([FAIR if k % 3 == 0 else UNFAIR], lr=lr, kind="ab"[k % 2]) for k, lr in enumerate(LRS))
)


def run_out(proposals, made):
    """Names in order of proposal; each is told as finished at once."""
    names = []
    while (one := proposals.next()) is not None:
        names.append(one.trial)
        settings = {"settings": made.space.nest(one.settings)}
        proposals.tell(TrialRecord(one.trial, "adv_ft", settings, list(one.reports), one.status))
    return names


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "gp"])
def test_each_recorded_trial_is_proposed_once_and_the_published_one_first(sampler):
    names = run_out(proposals_of(POOL, sampler, 0, 12), POOL)

    assert sorted(names) == sorted(one.trial for one in POOL.trials)
    assert POOL.trials[int(names[0][1:])].settings["recovery.lr"] == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_seed_gives_one_order_and_another_seed_another(sampler):
    first, again, other = (
        run_out(proposals_of(POOL, sampler, seed, 12), POOL) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_proposal_becomes_the_nearest_recorded_trial_that_is_left():
    made = pool(Made([FAIR], lr=0.02), Made([FAIR], lr=0.2), Made([FAIR], lr=0.2, kind="b"))
    proposals = proposals_of(made, "qmc", 0, 3)
    assert proposals.next().settings["recovery.lr"] == 0.2  # published: .1
    names = {proposals.next().trial, proposals.next().trial}
    assert len(names) == 2
    assert proposals.next() is None


def test_a_sampler_learns_from_recorded_settings():
    """Half of the range is always infeasible: TPE leaves it for later, random search does not."""
    lrs = [0.01 * 100 ** (k / 39) for k in range(40)]
    made = pool(*(Made([FAIR if lr < 0.1 else UNFAIR], lr=lr) for lr in lrs))

    def feasible_among_half(sampler):
        found = []
        for seed in range(3):
            names = run_out(proposals_of(made, sampler, seed, 16), made)[:20]
            found += [made.trials[int(name[1:])].settings["recovery.lr"] < 0.1 for name in names]
        return sum(found) / len(found)

    assert feasible_among_half("tpe") > feasible_among_half("random") + 0.1
