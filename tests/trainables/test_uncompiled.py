"""torch's compiler is not loaded by who makes, saves and restores an optimizer."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CODE = """
import sys, torch
{first}
weight = torch.ones(2, requires_grad=True)
one, other = (torch.optim.Adam([weight], lr=lr) for lr in (0.5, 0.25))
one.load_state_dict(other.state_dict())
weight.sum().backward()
one.zero_grad()
assert weight.grad is None and one.param_groups[0]["lr"] == 0.25
loaded = "torch._dynamo" in sys.modules
weight.sum().backward()
one.step()
assert torch.allclose(weight, torch.tensor(0.75))
print(loaded)
"""


def loaded(first):
    code = CODE.format(first=first)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip() == "True"


def test_stages_make_save_and_restore_optimizers_without_it_and_these_work():
    assert not loaded("import trainables.stage")
    assert loaded("")  # where torch no longer does so itself, nothing has to be done
