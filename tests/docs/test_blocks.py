"""Every block of the pages is typed as it stands there, page by page, from top to bottom.

What takes minutes is checked here (a search as far as `--dry-run` goes) and run, shortened, by the
slow test. What neither runs stands in `NOT_RUN` with the reason.
"""

from __future__ import annotations

import pytest
import torch

from tests.docs.blocks import PAGES, ROOT, Block, blocks_of, name_of
from tests.docs.desk import NOT_RUN, Desk, made_things
from tests.trainables.made_data import made_context, made_data
from trainables.models.build import build

LANGUAGES = ("sh", "python", "toml")
BLOCKS = {page: [b for b in blocks_of(page) if b.language in LANGUAGES] for page in PAGES}
TYPED = [page for page, blocks in BLOCKS.items() if blocks]

every_page = pytest.mark.parametrize("page", TYPED, ids=name_of)


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """What pages speak of and do not make themselves, copied for each of them."""
    return made_things(tmp_path_factory.mktemp("things"))


@pytest.fixture
def desk_for(tmp_path, things, monkeypatch):
    def made(page, *, for_real):
        monkeypatch.chdir(tmp_path)
        desk = Desk(tmp_path, things, for_real=for_real)
        if page.name != "README.md":  # which makes them itself
            desk.take("runs/first")
            desk.take("runs/loans", "loans")
        return desk

    return made


@every_page
def test_what_a_page_says_is_typed_and_works(page, desk_for):
    desk = desk_for(page, for_real=False)

    for block in BLOCKS[page]:
        desk.type(block)


@pytest.mark.slow
@every_page
def test_what_a_page_says_is_run_for_real(page, desk_for):
    desk = desk_for(page, for_real=True)

    for block in BLOCKS[page]:
        desk.type(block)


def test_every_exception_is_still_a_command_of_some_page():
    typed = {
        " ".join(words)
        for blocks in BLOCKS.values()
        for block in blocks
        if block.language == "sh"
        for words in block.commands
    }

    assert set(NOT_RUN) <= typed


@pytest.mark.parametrize("name", ["RandomWeights", "SmallWeightsInRounds"])
def test_the_pruners_that_are_shown_as_examples_prune(desk_for, name):
    (page,) = [page for page in TYPED if page.name == "extending.md"]
    desk = desk_for(page, for_real=False)
    (block,) = [block for block in BLOCKS[page] if f"class {name}" in block.text]
    desk.type(block)
    data = made_data()
    net = build("mlp", (5,), 1, seed=0)
    run = desk.names[name](sparsity=0.5).start(made_context(net, data))

    for epoch in range(run.epochs):
        run.epoch(torch.Generator().manual_seed(epoch))

    assert run.result().masks.sparsity == pytest.approx(0.5, abs=0.01)


def test_a_wrong_command_is_found(desk_for):
    """The tests above would not see one if the way to type it hid it."""
    desk = desk_for(ROOT / "docs" / "export.md", for_real=False)
    for wrong in (
        "fairfront exprot runs/first chosen",
        "fairfront export runs/first chosen --too model",
        "fairfront export runs/frist chosen",
        "fairfront search quik --out runs/x",
        "fairfront search quick --set objective.tolerence=0.1",
        "fairfront confirm runs/first --seeds some",
        "python docs/examples/own_data/loan.py",
        "make dmeo",
    ):
        with pytest.raises(BaseException):  # noqa: B017
            desk.type(Block("page", 1, "sh", wrong))
    with pytest.raises(AttributeError, match="laod"):
        desk.type(Block("page", 1, "python", "import fairfront\nfairfront.laod('model')\n"))
