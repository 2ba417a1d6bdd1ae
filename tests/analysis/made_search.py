"""A search made up for tests: the journal's events and the front.json that would follow."""

import numpy as np

from analysis.trials import reports_frame, trials_frame

OBJECTIVE = {
    "performance": "balanced_accuracy",
    "bias": "aod",
    "tolerance": 0.05,
    "margin": 0.02,
    "sparsity": True,
}
STAGES = {
    "adv_ft": [("recovery", "adversarial", 45)],
    "magnitude_retrain": [("pruner", "magnitude", 1), ("recovery", "retrain", 30)],
    "prune_advft": [("pruner", "mask_discovery", 30), ("recovery", "adversarial", 40)],
}
BOX = {"reference": [0.5, 0.05, 0.0], "ideal": [1.0, 0.0, 1.0]}


def values(rng, performance, bias, sparsity):
    """The "tune" or "test" part of a point."""
    spread = rng.uniform(0.012, 0.018)
    sign = rng.choice([-1, 1])
    return {
        "performance": float(performance),
        "performance_interval": [float(performance - spread), float(performance + spread)],
        "bias": float(bias),
        "bias_interval": [float(max(bias - spread, 0)), float(bias + spread)],
        "sparsity": float(sparsity),
        "measures": {
            "accuracy": float(performance + 0.03),
            "balanced_accuracy": float(performance),
            "spd": float(sign * bias * 1.6),
            "eod": float(sign * bias * 0.8),
            "aod": float(sign * bias),
            "abs_aod": float(bias * 1.2 + 0.004),
            "di": float(1 - bias * 3),
            "deo_max": float(bias * 1.5),
            "worst_group_accuracy": None,
        },
    }


def settings_of(rng, method):
    settings = {}
    for role, name, epochs in STAGES[method]:
        made = {"epochs": epochs, "lr": round(10 ** rng.uniform(-4, -2), 6)}
        if name == "magnitude":
            made = {"sparsity": round(rng.uniform(0.3, 0.95), 3), "scope": "global"}
        if name == "mask_discovery":
            made |= {"keep_target": round(rng.uniform(0.05, 0.5), 3), "beta": 5.0, "loss": "fair"}
        if name == "adversarial":
            made |= {"slope": 20.0, "delta": 0.02, "bias_from": "critic", "batch_size": 64}
        settings[role] = made
    return settings


def made_claim(bias):
    """As of a test split whose errors are .02 at the level of one of many claims."""
    if bias is None:
        return {"verdict": "not estimable", "p": 1.0, "certified_at": None}
    bound = bias + 0.02
    if bound < OBJECTIVE["tolerance"]:
        return {"verdict": "certified", "p": 0.001, "certified_at": bound}
    below = bias < OBJECTIVE["tolerance"]
    verdict, p = ("not certified", 0.1) if below else ("broke", 1.0)
    return {"verdict": verdict, "p": p, "certified_at": bound}


def made_claims(points):
    """What is said of all claims of the first opening; the first certified one is handed over."""
    certified = [p["candidate"] for p in points if p["claim"]["verdict"] == "certified"]
    chosen = [p["candidate"] for p in points if p["chosen"]]
    return {
        "opening": 1,
        "handed_over": next((name for name in [*chosen, *certified] if name in certified), None),
        "claims": {
            **{"error_rate": 0.05, "level": 0.025, "certify": "front", "also": []},
            **{"named": len(points), "rows": 4_321},
            **{"rows_for_power": 12_345, "tolerance_for_power": 0.0847},
        },
    }


def made_front(seed=0, *, confirmed=False, feasible=True, points=14):
    """A front of `points` points of three methods on a noisy trade-off."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(points):
        method = list(STAGES)[n % 3]
        bias = (0.002 + 0.03 * (n + 0.5) / points) + (0.0 if feasible else 0.06)
        sparsity = 0.0 if method == "adv_ft" else rng.uniform(0.4, 0.97)
        performance = 0.76 + 0.05 * np.sqrt(n / points) - 0.03 * sparsity**6
        trial, epoch = f"t{3 * n + 1:04d}", sum(stage[2] for stage in STAGES[method])
        rows.append(
            {
                "candidate": f"{trial}-{epoch}",
                "trial": trial,
                "epoch": epoch,
                "method": method,
                "settings": settings_of(rng, method),
                "needs_group": False,
                "learns_from": "train" if method == "magnitude_retrain" else "debias",
                "tune": values(rng, performance, bias, sparsity),
                "test": None,
                "feasible": feasible,
                "chosen": feasible and n == points - 3,
                "claim": None,
            }
        )
        if confirmed:
            moved = abs(bias + rng.normal(0, 0.009))
            shifted = performance + rng.normal(0, 0.006)
            rows[-1]["test"] = values(rng, shifted, moved, sparsity)
            rows[-1]["claim"] = made_claim(moved)
    dense = values(rng, 0.823, 0.142, 0.0)
    return {
        **(made_claims(rows) if confirmed else {"opening": None}),
        "name": "made-up",
        "objective": OBJECTIVE,
        "hypervolume": 0.31 if feasible else 0.0,
        "dense": {"tune": dense, "test": values(rng, 0.82, 0.135, 0.0) if confirmed else None},
        "references": [],
        "points": rows,
    }


def made_references():
    return [
        {
            "label": "dense net, group thresholds",
            "performance": 0.816,
            "bias": 0.006,
            "sparsity": 0.0,
            "needs_group": True,
        }
    ]


def made_facts(**other):
    return {
        "data": "made-up",
        "classes": ["<=50K", ">50K"],
        "groups": ["female", "male"],
        "splits": {"train": 22611, "debias": 6783, "tune": 6783, "test": 9045},
        "notes": ["left out: cell race=Other x label=1 (11 rows in tune, min_cell 20)"],
        "certifiable": 0.031,
        "box": BOX,
        "seed": 0,
    } | other


def made_events(seed=0, trials=60):
    """Journal of a search in which biases fall with the epochs and some trials are stopped."""
    rng = np.random.default_rng(seed)
    events = [{"event": "experiment", "name": "made-up", "time": 0.0}]
    time = 0.0
    for n in range(trials):
        method = list(STAGES)[n % 3]
        trial = f"t{n + 1:04d}"
        spec = {"method": method, "settings": settings_of(rng, method)}
        time += 1.0
        events.append(
            {"event": "trial_start", "trial": trial, "method": method, "spec": spec, "time": time}
        )
        if n == 7:
            reason = "mask_discovery: loss must stay finite, got nan <script>"
            events.append(_end(trial, "failed", reason, time))
            continue
        stopped = rng.random() < 0.35
        reports = _reports(rng, trial, method, time, stopped=stopped)
        events += reports
        time = reports[-1]["time"]
        reason = "bias cannot come under the tolerance by the end" if stopped else None
        events.append(_end(trial, "stopped" if stopped else "finished", reason, time))
    return events


def frames_of(events):
    """The trials and the reports as frames; candidates stand unless their trial was stopped or
    failed, or a later report drops them."""
    ended = [event for event in events if event["event"] == "trial_end"]
    without = {event["trial"] for event in ended if event["status"] != "finished"}
    reports = [event for event in events if event["event"] == "report"]
    dropped = {name for event in reports for name in event.get("dropped", ())}
    standing = {
        (event["trial"], event["candidate"])
        for event in reports
        if event["trial"] not in without and event["candidate"] not in {None, *dropped}
    }
    return trials_frame(events), reports_frame(events, standing)


def _end(trial, status, reason, time):
    return {"event": "trial_end", "trial": trial, "status": status, "reason": reason, "time": time}


def _reports(rng, trial, method, time, *, stopped):
    total = sum(epochs for *_, epochs in STAGES[method])
    last = int(total * rng.uniform(0.35, 0.7)) if stopped else total
    final_bias = rng.uniform(0.06, 0.12) if stopped else rng.uniform(0.0, 0.045)
    final = rng.uniform(0.76, 0.81)
    sparsity = 0.0 if method == "adv_ft" else rng.uniform(0.3, 0.97)
    reports, epoch = [], 0
    for place, (role, name, epochs) in enumerate(STAGES[method]):
        for _ in range(epochs):
            epoch += 1
            if epoch > max(last, 2):
                return reports
            left = np.exp(-4 * epoch / total)
            bias = abs(final_bias + 0.14 * left + rng.normal(0, 0.008))
            reports.append(
                {
                    "event": "report",
                    "trial": trial,
                    "epoch": epoch,
                    "stage": place,
                    "role": role,
                    "name": name,
                    "losses": {"task": 0.3 + 0.4 * left},
                    "sparsity": sparsity,
                    "live": 0.9,
                    "charged": 100 * epoch,
                    "seconds": 0.1,
                    "counts": {},
                    "performance": final - 0.08 * left + rng.normal(0, 0.003),
                    "performance_se": 0.006,
                    "bias": bias,
                    "feasible": bias < 0.03,
                    "beats_trivial": True,
                    "candidate": f"{trial}-{epoch}" if epoch == total else None,
                    "dropped": [],
                    "time": time + 0.1 * epoch,
                }
            )
    return reports
