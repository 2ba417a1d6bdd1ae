"""Where the dense network comes from, by name: stages too."""

from trainables.dense.erm import Erm
from trainables.dense.given import Given
from trainables.dense.untrained import Untrained
from trainables.stage import Settings

DENSE: dict[str, type[Settings]] = {
    "erm": Erm,
    "given": Given,
    "untrained": Untrained,
}
