import random

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ecgrnn.errors import ConfigError
from ecgrnn.options.arguments import (
    Kind,
    Option,
    as_typed,
    expanded,
    options_of,
    quoted,
    read_arguments,
    unquoted,
)
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.recordings import PredictConfig

OPTIONS = options_of(TrainConfig) | options_of(PredictConfig)
NAMES = [
    *(
        "100_1",
        "1.10",
        "2026_11_27",
        "off",
        "true",
        "1e3",
        "0100",
        "0x10",
        "nan",
        "inf",
        "-5",
        "+3",
        ".1",
        "1.",
    ),
    *(
        "ä",
        "~x",
        "a(b)",
        "a=b",
        "it's",
        'c"d',
        "#x",
        "a b",
        " a ",
        "a,b",
        "[a]",
        "{a}",
        "a\\",
        "a\\'b",
        "C:\\x",
    ),
    *("${oc.env:HOME}", "x${now:%Y}", "?", "*", "!", "%", "$x", "a\nb", "", "..", "choice(a,b)", "caf\udce9"),
]


def read(word: str):
    return OverridesParser.create().parse_override(word)


def some_names(number: int = 300) -> list[str]:
    rng = random.Random(0)
    signs = "ab1_.,'\"\\[](){}$:= -+~#eE0/"
    return ["".join(rng.choice(signs) for _ in range(rng.randint(1, 7))) for _ in range(number)]


def enclosed(name: str) -> bool:
    return len(name) > 1 and name[0] == name[-1] and name[0] in "'\""


@pytest.mark.parametrize("name", [*NAMES, *(name for name in some_names() if not enclosed(name))])
def test_hydra_reads_text_as_it_was_typed(name):
    word = as_typed(f"record={name}", OPTIONS)
    assert read(word).value() == name
    assert as_typed(word, OPTIONS) == word  # so a worker process, a trial and a resumed run read the same


@pytest.mark.parametrize("name", [*NAMES, *some_names()])
def test_a_quoted_name_is_read_wherever_commas_separate(name):
    several = as_typed(f"record={quoted(name)}, z", OPTIONS, multirun=True)
    values = [read(f"record={one}").value() for one in read(several).sweep_string_iterator()]
    assert values == [name, "z"]
    listed = read(as_typed(f"data.records=[{quoted(name)}, z]", OPTIONS)).value()
    assert [getattr(one, "text", one) for one in listed] == [name, "z"]
    assert unquoted(quoted(name)) == name


def test_the_typed_schema_says_what_is_text():
    text = {name for name, option in OPTIONS.items() if option.kind is Kind.text}
    lists = {name for name, option in OPTIONS.items() if option.kind is Kind.texts}
    assert {"record", "checkpoint", "run_dir", "resume", "data.root", "data.cache", "data.split"} <= text
    assert {"annotator", "extension", "data.annotator", "network.encoder.cell", "logger.mlflow_uri"} <= text
    assert {"data.records", "leads", "preprocessing.leads", "task.macro_f1_classes"} == lists
    assert OPTIONS["seed"].kind is OPTIONS["trainer"].kind is Kind.other


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("data.records=[100_1, 1.10]", "data.records=['100_1','1.10']"),
        ('data.records=["a,b",c]', "data.records=['a,b',c]"),
        ("data.records=[]", "data.records=[]"),
        ("data.records=null", "data.records=null"),
        ("data.root=null", "data.root=null"),
        ("run_dir=null", "run_dir='null'"),  # may not be null, so it is a name
        ("++data.root=1.10", "++data.root='1.10'"),
        ("experiment=1", "experiment='1'"),
        ("experiment=null", "experiment=null"),
        ("seed=1_0", "seed=1_0"),
        ("trainer.max_epochs=3", "trainer.max_epochs=3"),
        ("~experiment", "~experiment"),
    ],
)
def test_overrides_are_written_for_hydra(word, wanted):
    assert as_typed(word, OPTIONS, groups={"experiment", "data"}) == wanted


def test_lists_are_several_values_of_a_multirun():
    word = as_typed("data.records=[100_1,a],[b]", OPTIONS, multirun=True)
    assert word == "data.records=['100_1',a],[b]"


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("data.records=100_1", r"write 'data.records=\[100_1\]'"),
        ("data.records=[a,,b]", "nothing between two commas"),
        ("=3", "write name=value"),
        ("3", "write name=value"),
        ("a b=3", "write name=value"),
        ("+recrods=3", "unknown option 'recrods'"),
        ("given.words=[a]", "unknown option"),
    ],
)
def test_an_argument_that_cannot_be_read_is_refused_with_what_works(word, wanted):
    with pytest.raises(ConfigError, match=wanted):
        as_typed(word, OPTIONS)


def test_flags_are_read_wherever_they_stand(tmp_path):
    line = read_arguments(["a=1", "-m", "--config-dir", str(tmp_path), "--cfg=job", "--resolve", "b=2"])
    assert (line.overrides, line.multirun, line.cfg, line.resolve) == (["a=1", "b=2"], True, "job", True)
    assert line.config_dirs == [str(tmp_path)]


@pytest.mark.parametrize("flag", ["--config-name", "--config-path", "-x", "--hydra-help"])
def test_an_unknown_flag_is_refused(flag):
    with pytest.raises(ConfigError, match=f"unknown flag '{flag}'"):
        read_arguments([flag, "evaluate"])


def test_the_home_folder_takes_the_place_of_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/jo")
    assert expanded("~/a b") == "/home/jo/a b"
    assert expanded("journal:~/x") == "journal:/home/jo/x"
    assert expanded("a~b") == "a~b"


def test_kinds_of_options_that_may_be_null():
    assert OPTIONS["data.root"] == Option(Kind.text, nullable=True)
    assert OPTIONS["run_dir"] == Option(Kind.text)
