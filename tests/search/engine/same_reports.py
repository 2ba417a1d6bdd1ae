"""Twelve trials over all roles: does another version of fairfront report the same?

By hand, with one environment for both checkouts:

    python tests/search/engine/same_reports.py run . new.jsonl
    python tests/search/engine/same_reports.py run ../older-checkout old.jsonl
    python tests/search/engine/same_reports.py compare old.jsonl new.jsonl

It needs nothing of a checkout but its command line and its journal, so that old ones can be asked.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = {"time", "seconds", "crc"}  # what two runs of one trial may differ in
OF_A_RUN = {"run", "time", "crc"}

ROWS = """
import numpy as np
import pandas as pd


def load():
    draw = np.random.default_rng(7)
    region = draw.integers(0, 2, 4000)
    skill = draw.integers(0, 17, 4000) / 4 + region / 2
    noise = draw.integers(0, 5, 4000) / 4
    granted = np.where(skill + noise > 2.75, "yes", "no")
    kind = draw.choice(["a", "b", "c"], 4000)
    other = draw.integers(0, 50, 4000) / 10
    return pd.DataFrame(
        {
            "skill": skill, "other": other, "kind": kind,
            "region": np.where(region, "north", "south"), "granted": granted,
        }
    )
"""

EXPERIMENT = """
name = "same"
seed = 3
[data]
load = "rows_of_same:load"
label = "granted"
positive = "yes"
attributes = ["region"]
group = "region"
[model]
name = "mlp"
[dense]
name = "erm"
max_epochs = 30
[objective]
performance = "balanced_accuracy"
bias = "aod"
tolerance = 0.2
margin = 0.05
[search]
methods = [
    "dense_threshold", "group_thresholds", "magnitude_retrain", "prune_advft", "noise_graft",
    "external_graft", "netaug", "distil_advft", "random_perturbation", "layerwise",
    "adversarial_debiasing", "equalized_odds",
]
trials = 12
sampler = "random"
scheduler = "none"
concurrent = 1
time_limit = "30m"
[tracking]
enabled = false
[space.magnitude_retrain.pruner]
sparsity = 0.5
[space.magnitude_retrain.recovery]
epochs = 8
[space.prune_advft.pruner]
epochs = 6
[space.prune_advft.recovery]
epochs = 6
[space.noise_graft.pruner]
epochs = 5
[space.noise_graft.recovery]
epochs = 5
[space.external_graft.pruner]
epochs = 5
[space.external_graft.recovery]
epochs = 5
[space.netaug.pruner]
epochs = 5
[space.netaug.recovery]
epochs = 5
[space.distil_advft.recovery]
epochs = 5
[space.distil_advft.distillation]
epochs = 5
[space.random_perturbation.recovery]
tries = 21
[space.layerwise.recovery]
tensors = 2
calls = 4
[space.adversarial_debiasing.dense]
max_epochs = 12
"""


def journal_of(checkout):
    """The events of the search, run by the code in `checkout`."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "rows_of_same.py").write_text(ROWS)
        (folder / "same.toml").write_text(EXPERIMENT)
        asked = ["search", folder / "same.toml", "--out", folder / "r"]
        subprocess.run(
            [sys.executable, "-m", "search", *asked],
            cwd=checkout,
            env={**os.environ, "OMP_NUM_THREADS": "1", "FAIRFRONT_CACHE": str(folder / "cache")},
            stdout=sys.stderr,
            check=True,
        )
        lines = (folder / "r" / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def timeless(event):
    """What the event says, but for clocks, checksums and the run's own name."""
    aside = SECONDS | OF_A_RUN if event["event"] == "experiment" else SECONDS
    return {key: value for key, value in event.items() if key not in aside}


def differences(old, new):
    """One line for each event, by its place, that says something else."""
    found = []
    kinds = {"experiment", "dense", "trial_start", "report", "trial_end"}
    old, new = ([e for e in events if e["event"] in kinds] for events in (old, new))
    if len(old) != len(new):
        found.append(f"{len(old)} events, then {len(new)}")
    for place, (before, after) in enumerate(zip(old, new, strict=False)):
        before, after = timeless(before), timeless(after)
        keys = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
        found += [
            f"event {place} ({after['event']} {after.get('trial', '')} epoch "
            f"{after.get('epoch', '-')}): {key}: {before.get(key)!r} != {after.get(key)!r}"
            for key in keys
        ]
    return found


def read(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def main(command, first, second):
    if command == "run":
        lines = [json.dumps(event) for event in journal_of(first)]
        Path(second).write_text("\n".join(lines) + "\n")
        return 0
    found = differences(read(first), read(second))
    reports = sum(event["event"] == "report" for event in read(second))
    print("\n".join(found[:40]) or f"the same: {reports} reports, to the last digit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
