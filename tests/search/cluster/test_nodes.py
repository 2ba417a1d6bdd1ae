"""How many trials fit on machines at once."""

import pytest

from search.cluster.nodes import slots


def machine(cpu, gpu=0, alive=True):
    return {"Alive": alive, "Resources": {"CPU": cpu, "GPU": gpu, "memory": 1.0}}


@pytest.mark.parametrize(
    ("machines", "cpu", "gpu", "expected"),
    [
        ([machine(0), machine(8), machine(8)], 1, 0, 16),
        ([machine(3), machine(3)], 2, 0, 2),  # a trial lies on one machine
        ([machine(8, gpu=1), machine(8, gpu=2)], 1, 0.25, 12),
        ([machine(64, gpu=1)], 1, 1 / 3, 3),  # not 2 by rounding
        ([machine(8, gpu=3)], 1, 2, 1),
        ([machine(4, gpu=4)], 2, 0.5, 2),  # too few cores for its devices
        ([machine(8), machine(8, alive=False)], 1, 0, 8),
        ([machine(0), machine(8)], 1, 1, 0),
    ],
)
def test_as_many_trials_run_at_once_as_fit_on_each_machine(machines, cpu, gpu, expected):
    assert slots(machines, cpu, gpu) == expected
