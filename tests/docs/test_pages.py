"""What the pages say is there: links, commands, options, settings, files and names."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

import fairfront
from search.config.config import Config
from tests.docs.blocks import PAGES, ROOT, blocks_of, name_of, spans_of
from tests.docs.typed import every_option, is_command, makes, parsed

OURS = ("search", "trainables", "spaces", "analysis", "tests", "docs")
LANGUAGES = {"sh", "python", "toml"}  # of blocks that are run, by tests/docs/test_blocks.py
OF_OTHERS = {"--num-cpus", "--user", "--name"}  # options of ray and ipykernel
PLACEHOLDERS = ("NAME", "DIR", "FILE", "TABLE", "PRESET")

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_the_front_page_can_be_read_in_one_go():
    assert (ROOT / "README.md").read_text("utf-8").count("\n") <= 120


@every_page
def test_a_block_says_its_language_or_holds_no_code(page):
    """What has no language is a drawing; it would not be run."""
    typed = re.compile(r"^\s*(\$ )?(fairfront|make|python|pip|pytest|jq|ray|import|from) \w+")
    for block in blocks_of(page):
        assert block.language in LANGUAGES | {"", "text"}, block
        if block.language not in LANGUAGES:
            assert not [line for line in block.text.splitlines() if typed.match(line)], block


def anchor(heading: str) -> str:
    """As GitHub makes it from a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@every_page
def test_every_link_leads_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if place:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert place in map(anchor, headings), target


def test_every_page_is_linked_from_the_front_page():
    linked = re.findall(r"\]\(([\w/]+\.md)\)", (ROOT / "README.md").read_text("utf-8"))

    assert set(linked) >= {name_of(page) for page in PAGES[1:]}


def words_in(span: str) -> list[str]:
    words = shlex.split(span)
    while words and re.match(r"[A-Z_]+=", words[0]):  # FAIRFRONT_DATA=... before a command
        words = words[1:]
    return words


@every_page
def test_commands_in_the_prose_are_commands(page):
    spans = [words_in(span) for span in spans_of(page) if re.match(r"[A-Z_]*=?[\w./]+ ", span)]
    for words in spans:
        match words:
            case ["fairfront", *rest] if not is_command(words) or len(rest) > 2:
                parsed([word.strip("[]").split("|")[0] for word in words])
            case ["make", target, *_] if "=" not in target:
                assert makes(target), words
            case ["pytest", path, *_] | ["python", "-m", "pytest", path, *_]:
                assert (ROOT / path).exists(), words


@every_page
def test_options_in_the_prose_are_options(page):
    named = {
        option
        for span in spans_of(page)
        if not span.startswith(("ray ", "pip ", "python ", "pytest "))
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]+", span)
    }

    assert named <= every_option() | OF_OTHERS


def has_key(dotted: str) -> bool:
    """Whether the experiment file knows the key `objective.tolerance`."""
    model: object = Config
    for name in dotted.split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return True  # inside a table whose keys depend on what is named, such as [space]
        if name not in model.model_fields:
            return model.model_config.get("extra") == "allow"
        model = model.model_fields[name].annotation
    return True


@every_page
def test_settings_in_the_prose_are_settings(page):
    for span in spans_of(page):
        if found := re.match(r"\[(\w+)\](?: (\w+))?", span):
            assert has_key(".".join(filter(None, found.groups()))), span
        elif found := re.match(r"(data|dense|objective|search|tracking)\.(\w+)$", span):
            assert has_key(span) or is_importable(span), span


def is_importable(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    module, _, name = dotted.rpartition(".")
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        try:
            return hasattr(importlib.import_module(module), name)
        except ModuleNotFoundError:
            return False
    return True


@every_page
def test_files_and_names_of_ours_in_the_prose_are_there(page):
    for span in spans_of(page):
        if re.match(rf"({'|'.join(OURS)})/[\w./<>*-]*$", span):
            known = [part for part in Path(span).parts if not part.startswith(PLACEHOLDERS)]
            assert (ROOT.joinpath(*known)).exists(), span
        elif re.match(r"(trainables|spaces|analysis)(\.\w+)+$", span):
            assert is_importable(span), span
        elif found := re.match(r"fairfront\.(\w+)\(|fairfront\.([A-Z]\w+)$", span):
            assert (found[1] or found[2]) in fairfront.__all__, span


@pytest.mark.parametrize("example", sorted((ROOT / "docs" / "examples").rglob("*.toml")))
def test_an_example_file_is_one_that_its_own_first_lines_tell_to_run(example):
    """An experiment or a table, with the command in a comment on top."""
    text = example.read_text("utf-8")
    typed = re.search(r"^#\s+(fairfront .*)$", text, re.MULTILINE)
    if typed is None:
        assert "experiments" in example.parts  # of a table, which names it
        Config.load(example)
        return
    name, parameters = parsed(shlex.split(typed[1]))
    assert name in ("search", "reproduce")
    assert ROOT / (parameters.get("experiment") or parameters["table"]) == example
    if name == "search":
        Config.load(example)
    else:
        assert tomllib.loads(text)["columns"]
