"""Where a table's settings are not the published ones."""

from pathlib import Path

import pytest

from search.reproduce.plan import Options, Plan
from search.reproduce.settings import QUICK_EPOCHS
from search.reproduce.tables import load_table


def departures_of(name, **options):
    table = load_table(name)
    asked = Options.of(table, **options)
    plan = Plan.of(table, asked, Path("out"))
    found = plan.departures(plan.table.columns[0])
    return {
        row: {one["setting"]: (one["used"], one["published"]) for one in of_row}
        for row, of_row in found.items()
    }


def test_compas_departs_in_the_discovery_alone():
    found = departures_of("zhang2022-table5")

    assert found["Adv.Ft"] == found["Baseline"] == found["ROC"] == {}
    assert found["Prune + AdvFt"] == {
        "pruner.batch_size": (128, 64),
        "pruner.floor": (True, False),
    }


def test_adult_s_dense_net_and_batches_are_named():
    found = departures_of("zhang2022-table4")

    assert found["Baseline"] == {"dense.batch_size": (256, 64), "dense.patience": (4, 10)}
    assert found["Adv.Ft"] == {"recovery.batch_size": (128, 64)}


def test_images_depart_in_epochs_rates_and_the_table_s_own_settings():
    found = departures_of("zhang2022-table1")

    assert found["Adv.Ft"]["recovery.epochs"] == (15, 90)
    assert found["Adv.Ft"]["recovery.lr"] == (0.003, 0.01)
    assert found["NetAug"]["pruner.epochs"] == (20, 80)
    assert found["NetAug"]["recovery.bias_from"] == ("soft", "critic")
    assert found["Adv.Debias"]["dense.alpha"] == (1.0, 0.1)
    assert found["Uni.Conf."]["dense.max_epochs"] == (60, 500)


def test_the_distillation_of_table_6_is_cut_down_like_the_discoveries():
    assert departures_of("zhang2022-table6")["NetAug"]["distillation.epochs"] == (20, 80)


@pytest.mark.parametrize("name", ["zhang2022-table4", "zhang2022-table5"])
def test_a_quick_look_departs_in_epochs(name):
    found = departures_of(name, quick=True)

    assert found["Adv.Ft"]["recovery.epochs"] == (QUICK_EPOCHS, 90)
