"""Pools of pruner settings: drawn once, written down, and chosen from by index."""

from contextlib import closing

import pytest

from search.config.config import Config
from search.engine.dry_run import describe
from search.engine.ray_searcher import MethodSearcher
from search.engine.study import MethodStudy, Target
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.problem.problem import method_spaces
from search.problem.shared_pruners import notes_on, pooled, pools_of, shared_of, with_pools
from search.samplers import SAMPLERS
from search.samplers.sampling import Sampling
from spaces.pooled import Pooled
from spaces.pruners import PRUNERS
from trainables.pruners import PRUNERS as SETTINGS

METHODS = ("prune_as_is", "prune_advft", "magnitude_retrain", "adv_ft")
SHARING = METHODS[:2]
REPORT = {
    **{"epoch": 1, "performance": 0.8, "bias": 0.01, "sparsity": 0.0, "feasible": True},
    **{"candidate": "c", "dropped": [], "beats_trivial": True},
}


def config(*overrides, size=5, seed=3):
    said = ["search.methods=" + str(list(METHODS)), f"seed={seed}", *overrides]
    return Config.load("quick", [*said, f"search.shared_pruners={size}", "space={}"])


def spaces(size=5, seed=3, **space):
    made = config(size=size, seed=seed)
    return method_spaces(made.model_copy(update={"space": space}))


def entries(space):
    return [dict(entry) for entry in space.entries]


def test_methods_whose_pruner_learns_share_one_pool_and_the_others_have_none():
    found = spaces()

    assert {name for name, one in found.items() if isinstance(one, Pooled)} == set(SHARING)
    (pool,) = pools_of(found)
    assert (pool["role"], pool["stage"]) == ("pruner", "mask_discovery")
    assert pool["methods"] == list(SHARING)
    assert len(pool["entries"]) == 5
    assert pool["entries"][0] == PRUNERS["mask_discovery"].published


@pytest.mark.parametrize("size", [None, 0])
def test_without_a_size_every_trial_has_settings_of_its_own(size):
    plain = spaces(size=0)

    assert pooled(plain, size, 1) == plain
    assert pools_of(plain) == []
    assert "pruner.lr" in plain["prune_advft"].ranges


def test_entries_lie_in_their_ranges_differ_and_depend_on_the_seed_alone():
    first, again, other = (entries(spaces(32, seed)["prune_advft"]) for seed in (1, 1, 2))
    ranges = PRUNERS["mask_discovery"].ranges

    assert first == again
    assert first[0] == other[0]
    assert all(entry not in other for entry in first[1:])
    for entry in first:
        SETTINGS["mask_discovery"](**entry)
        assert all(one.contains(entry[name]) for name, one in ranges.items())
    for name, one in ranges.items():  # quasi-random: each quarter of a range is met
        shares = sorted((entry[name] - one.low) / (one.high - one.low) for entry in first)
        assert shares[0] < 0.25
        assert shares[-1] > 0.75


def test_a_larger_pool_keeps_what_a_smaller_one_holds():
    small, large = (entries(spaces(size)["prune_advft"]) for size in (4, 7))

    assert large[:4] == small


def test_methods_with_other_ranges_have_pools_of_their_own_and_a_note_says_so():
    found = spaces(prune_advft={"pruner": {"epochs": [5, 9]}})

    assert [pool["methods"] for pool in pools_of(found)] == [["prune_as_is"], ["prune_advft"]]
    assert all(5 <= entry["epochs"] <= 9 for entry in found["prune_advft"].entries)
    notes = list(notes_on(found, 5))
    assert len(notes) == 2
    assert all("one of several" in note for note in notes)
    assert "one of several" not in "".join(notes_on(spaces(), 5))


def test_a_space_with_few_settings_has_few_entries_and_one_without_any_has_one():
    fixed = dict.fromkeys(("lr", "beta", "keep_target", "logit_init", "slope", "delta"), 2)
    fixed["keep_target"] = 0.5
    few = spaces(9, pruner={"mask_discovery": {**fixed, "epochs": {"choices": [3, 4]}}})
    one = spaces(9, pruner={"mask_discovery": {**fixed, "epochs": 3}})

    assert sorted(entry["epochs"] for entry in few["prune_as_is"].entries) == [3, 4]
    assert entries(one["prune_as_is"]) == [{**fixed, "epochs": 3}]
    assert "pruner.pool" not in one["prune_as_is"].ranges


def test_sharing_without_a_pruner_that_learns_is_said():
    found = {name: spaces()[name] for name in ("adv_ft", "magnitude_retrain")}

    assert "nothing is shared" in "".join(notes_on(found, 5))


def test_the_pools_of_a_journal_hold_although_they_would_be_drawn_otherwise_today():
    before = spaces(seed=1)
    now = with_pools(spaces(seed=2), {"pools": pools_of(before)})

    assert pools_of(now) == pools_of(before)
    assert now == before
    assert with_pools(now, {}) == now  # a journal from before there were pools


def searcher(record, found, sampler="tpe", trials=12):
    studies = {
        name: MethodStudy(found[name], Sampling(sampler, 0, trials), Target(0.03))
        for name in SHARING
    }
    correction = {"name": "threshold"}
    return MethodSearcher(studies, record, trials=trials, seed=3, correction=correction)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_say_which_entry_they_are_and_a_replayed_journal_goes_on_the_same(
    sampler, tmp_path
):
    found = spaces()
    with closing(Journal(tmp_path)) as journal:
        record = Record(journal)
        live = searcher(record, found, sampler)
        for number in range(6):
            spec = live.suggest(f"ray{number}")
            index = spec["shared"]["pruner"]
            assert spec["settings"]["pruner"] == found[spec["method"]].entries[index]
            record.report({"trial": spec["trial"], **REPORT})
            record.end(spec["trial"], "finished")
            live.on_trial_complete(f"ray{number}")
        replayed = Record(journal)
        replayed.replay(read_events(tmp_path / "journal.jsonl"))
        resumed = searcher(replayed, found, sampler)

        # asked of both before either writes: they share a journal only here
        method = live._next_method()
        asked = [one._studies[method].ask("t0007") for one in (live, resumed)]

    assert asked[0] == asked[1]
    assert record.trials["t0001"].spec["shared"] == {"pruner": 0}


@pytest.mark.parametrize("again", [False, True])
def test_methods_begin_with_different_entries_and_then_try_the_published_settings(again, tmp_path):
    found = with_pools(spaces(seed=2), {"pools": pools_of(spaces())}) if again else spaces()
    with closing(Journal(tmp_path)) as journal:
        searching = searcher(Record(journal), found)
        specs = [searching.suggest(f"ray{number}") for number in range(4)]

    assert [spec["shared"]["pruner"] for spec in specs[:2]] == [0, 1]
    ours = [s["settings"]["recovery"] for s in specs if s["method"] == "prune_advft"]
    published = found["prune_advft"].published_nested()
    assert ours[0] == ours[1] == {**ours[0], **published["recovery"]}
    assert specs[3]["settings"]["pruner"] == found["prune_advft"].entries[0]


def test_a_method_with_nothing_but_a_pool_takes_a_trial_for_each_entry(tmp_path):
    found = spaces(size=3)
    with closing(Journal(tmp_path)) as journal:
        searching = searcher(Record(journal), {**found}, "random", trials=12)
        specs = [searching.suggest(f"ray{number}") for number in range(12)]

    methods = [spec["method"] for spec in specs]
    assert methods.count("prune_as_is") == 3
    indices = [s["shared"]["pruner"] for s in specs if s["method"] == "prune_as_is"]
    assert sorted(indices) == [0, 1, 2]


def test_a_trial_without_a_pool_says_nothing_of_one():
    found = spaces(size=0)["prune_advft"]

    assert shared_of(found, found.published_nested()) == {}


def test_a_dry_run_shows_the_entries():
    said = "\n".join(describe(config(size=2)))

    assert "pool of mask_discovery for prune_as_is, prune_advft:" in said
    assert "  0: keep_target 0.1, beta 5, " in said
    assert "pruner.pool: 0 | 1, first 0" in said
    assert "pruner.pool: 0 | 1, first 1" in said
