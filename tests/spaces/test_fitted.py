"""Settings that follow from the data: hand-computed cases, and what holds for data of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.compose import ROLES, stage_space
from spaces.fitted import Size, dense_settings, stage_overrides
from trainables.dense import DENSE
from trainables.methods import METHODS
from trainables.trial.spec import STAGES

GERMAN = Size(train=450, debias=100, cells=4, fan_in=64.0)
ADULT = Size(train=19000, debias=4000, cells=4, fan_in=32.0)

sizes = st.builds(
    Size,
    train=st.integers(20, 5_000_000),
    debias=st.integers(4, 1_000_000),
    cells=st.integers(4, 60),
    fan_in=st.floats(1, 5000),
    images=st.booleans(),
)
STAGE_NAMES = [(role, name) for role, spaces in ROLES.items() for name in spaces]


def test_a_hundred_rows_are_one_batch_and_each_epoch_a_step():
    fitted = stage_overrides("recovery", "adversarial", GERMAN)

    assert (fitted["batch_size"], fitted["epochs"]) == (100, 90)
    assert fitted["lr"] == [0.0011, 1e-2]  # .1 / 90
    assert fitted["bias_from"] == "soft"


def test_larger_sets_take_batches_of_256_rows_per_cell_and_as_many_epochs_as_120_steps_need():
    fitted = stage_overrides("recovery", "netaug", ADULT)

    assert (fitted["batch_size"], fitted["epochs"]) == (1024, 40)  # 4000 // 1024 = 3 steps each


def test_the_dense_net_s_batch_is_a_thirtieth_of_train_and_its_rate_grows_with_the_root():
    small, large = dense_settings(GERMAN), dense_settings(ADULT)

    assert (small["batch_size"], small["lr"]) == (16, 1e-3)  # 450 / 30 = 15
    assert large["batch_size"] == 512  # 19000 / 30 = 633: 512 is the nearest power of two
    assert large["lr"] == pytest.approx(1e-3 * 8**0.5, rel=0.02)
    assert large["max_epochs"] == 54  # 2000 / (19000 / 512)


def test_masks_keep_three_weights_per_unit():
    assert stage_overrides("pruner", "mask_discovery", GERMAN)["keep_target"] == [0.05, 0.5]
    assert stage_overrides("pruner", "magnitude", ADULT) == {"sparsity": [0.5, 0.906]}  # 1 - 3/32


@given(sizes, st.sampled_from(STAGE_NAMES))
def test_each_stage_takes_what_the_rule_gives_it_and_finds_its_published_settings_in_it(size, key):
    role, name = key
    space = stage_space(role, name).narrow(stage_overrides(role, name, size))

    known = {**space.published, **space.fixed}
    STAGES[role][name](**known)
    for setting, its_range in space.ranges.items():
        for end in its_range.extremes():
            STAGES[role][name](**{**known, setting: end})


@given(sizes)
def test_no_stage_takes_more_steps_than_it_needs_and_none_an_epoch_more_than_published(size):
    tuning = stage_overrides("recovery", "adversarial", size)
    steps = tuning["epochs"] * max(1, size.debias // tuning["batch_size"])

    assert 10 <= tuning["epochs"] <= 90
    assert steps <= 120 + size.debias_steps or tuning["epochs"] == 10
    assert 20 <= dense_settings(size)["max_epochs"] <= 100
    assert DENSE["erm"](**dense_settings(size)).batch_size <= 512


@given(sizes)
def test_a_batch_of_debias_tells_rates_to_the_margin_or_is_all_of_it(size):
    batch = stage_overrides("recovery", "adversarial", size)["batch_size"]

    assert batch == size.debias or size.images or (0.25 / (batch / size.cells)) ** 0.5 < 0.0313


def test_every_stage_of_a_method_that_trains_is_fitted():
    """Else a new method would keep epochs that were published for other data."""
    for method in METHODS.values():
        for stage in method.stages:
            settings = STAGES[stage.role][stage.name]
            if {"epochs", "max_epochs"} & settings.__dataclass_fields__.keys():
                assert stage_overrides(stage.role, stage.name, ADULT), stage.name
