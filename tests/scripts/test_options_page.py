import dataclasses
import importlib
import re
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ecgrnn.cli import COMMANDS, conf_folder, register_schemas
from ecgrnn.options.commands import EvaluateConfig, PrepareConfig, TrainConfig
from ecgrnn.options.data import PreprocessingConfig
from ecgrnn.options.sweep import SweepConfig
from ecgrnn.tasks.beats.options import AugmentationConfig

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    yield
    for name in ("options_page", "option_sources"):
        sys.modules.pop(name, None)


@pytest.fixture
def sources():
    register_schemas()
    return importlib.import_module("option_sources")


def composed(*words: str) -> dict[str, object]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return OmegaConf.to_container(compose("train", overrides=list(words)), enum_to_str=True)


def test_the_page_of_options_is_up_to_date():
    page = importlib.import_module("options_page")
    assert page.text() == page.PAGE.read_text(encoding="utf-8"), "run: python scripts/options_page.py"


def test_the_page_names_every_option_of_every_command():
    page = (SCRIPTS.parent / "docs" / "options.md").read_text(encoding="utf-8")
    for command, (_, schema) in COMMANDS.items():
        section = page.partition(f"### {command}\n")[2].partition("\n### ")[0]
        of_train = schema is not TrainConfig and issubclass(schema, TrainConfig)
        shown = page if of_train else section
        for field in dataclasses.fields(schema):
            assert f"`{field.name}`" in shown or f"[{field.name}](#" in shown or field.name == "given"


def test_a_value_that_an_option_refuses_is_not_said_to_be_allowed():
    page = (SCRIPTS.parent / "docs" / "options.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if "[Cell](#cell)" in line]
    (of_sequence,) = [line for line in lines if line.startswith("| `network.sequence.cell`")]
    (of_encoder,) = [line for line in lines if line.startswith("| `network.encoder.cell`")]
    assert "`gru_reset_before`" not in of_sequence
    assert "`gru_reset_before`" in of_encoder


def test_a_limit_is_a_number_and_not_the_name_of_a_constant():
    page = (SCRIPTS.parent / "docs" / "options.md").read_text(encoding="utf-8")
    assert "number ≥ 0.01" in page
    assert not re.search(r"number (≥|from|above) _?[A-Z]", page)


def test_defaults_are_those_that_hydra_composes(sources):
    plain = composed()
    for group in ("data", "preprocessing", "optimizer", "loader", "logger", "task", "network"):
        chosen = sources.chosen_by_default(group)
        choice = next(each for each in sources.choices_of(group) if each.name == chosen)
        schema = choice.schema or sources.group_schema(group)
        rows = sources.overlaid(sources.rows_of(schema, f"{group}."), choice.values, f"{group}.")
        shown = {row.name.removeprefix(f"{group}."): sources.plain(row.default) for row in rows}
        wanted = {name: sources.plain(value) for name, value in sources.flat(plain[group]).items()}
        assert shown == wanted


def test_what_a_task_chooses_is_what_hydra_composes(sources):
    rhythm = next(choice for choice in sources.choices_of("task") if choice.name == "rhythm")
    words = [f"{group}={choice}" for group, choice in rhythm.others.items()]
    assert len(words) == 3
    assert composed("task=rhythm") == composed("task=rhythm", *words)


def test_rules_are_read_from_what_a_class_refuses(sources):
    rules = sources.rules(EvaluateConfig)
    assert rules["checkpoint"] == "required"
    assert rules["threads"] == "≥ 1"
    assert rules["resamples"] == "≥ 100"
    assert rules["level"] == "above 0 to below 1"
    assert sources.rules(PrepareConfig)["shard"] == "from 0 to below shards"
    assert sources.rules(PreprocessingConfig)["notch_hz"] == "> 0"
    assert sources.rules(AugmentationConfig)["lead_dropout"] == "from 0 to below 1"
    assert sources.rules(SweepConfig)["seed"] == "≥ 0"


def test_an_option_without_a_meaning_is_refused(sources):
    @dataclasses.dataclass
    class Silent:
        """Says nothing of its option."""

        option: int = 0

    with pytest.raises(SystemExit, match="Silent says nothing of option"):
        sources.meaning(Silent, "option")


def test_a_meaning_of_several_lines_is_one_and_ends_with_its_section(sources):
    class Told:
        """A class.

        Attributes:
            first: one line and
                another, of ``code``.
            second: a line.

        Raises:
            third: no attribute.
        """

    assert sources.attributes(Told) == {"first": "one line and another, of `code`.", "second": "a line."}
