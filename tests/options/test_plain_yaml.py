"""YAML of somebody else: bounded in time and memory, and refused rather than understood in another way."""

import tracemalloc

import pytest
from yaml import YAMLError

from ecgrnn.data.splits.split_file import read_split_file
from ecgrnn.errors import SplitError
from ecgrnn.options.plain_yaml import read_plain_yaml

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_what_is_read_is_what_the_base_loader_reads(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("train: [0100, 1e3, 'a b']\ntest:\n- off\npatients: {0100: ~, b: }\n")
    assert read_plain_yaml(path) == {
        "train": ["0100", "1e3", "a b"],
        "test": ["off"],
        "patients": {"0100": "~", "b": ""},
    }
    path.write_text("")
    assert read_plain_yaml(path) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (ALIASES, "line 2: references"),
        ("test: &a [a, *a]", "references"),
        ("[" * 10_000, "more than 20 deep"),
        ("test: " + "[" * 10_000 + "]" * 10_000, "more than 20 deep"),
        ("- " * 5_000, "more than 20 deep"),
        ("{" * 10_000, "expected a name before the colon"),
        ("test: [a]\ntest: [b]\n", "line 2: 'test' stands twice"),
        ("test: [a]\n---\ntest: [b]\n", "several"),
        ("test: [" + "a," * 1_000_001 + "a]", "at most 2000000 bytes"),
        ("test: [a\0]", "not allowed"),
        ("'" * 100_001, "quoted scalar"),
    ],
    ids=range(11),
)
def test_hostile_yaml_is_refused_in_bounded_memory(text, wanted, tmp_path):
    path = tmp_path / "split.yaml"
    path.write_text(text)
    tracemalloc.start()
    try:
        with pytest.raises(YAMLError, match=wanted):
            read_plain_yaml(path)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
    with pytest.raises(SplitError, match=r"split\.yaml") as refused:
        read_split_file(path)
    assert len(str(refused.value)) < 600


def test_a_long_name_is_cut_in_the_message(tmp_path):
    path = tmp_path / "split.yaml"
    path.write_text(f"test: {'x' * 200_000}")
    with pytest.raises(SplitError) as refused:
        read_split_file(path)
    assert len(str(refused.value)) < 300
