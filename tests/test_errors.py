"""Messages are short whatever came."""

import pytest

from ecgrnn.cli import main
from ecgrnn.errors import DataError, EcgrnnError, MisfitError


def test_a_long_message_keeps_its_beginning_and_its_end():
    said = str(DataError(f"a.csv: expected numbers, got {'x' * 200_000}; get it again"))
    assert said.startswith("a.csv: expected numbers, got xx")
    assert said.endswith("xx; get it again")
    assert len(said) == 1500


def test_a_short_message_stays_as_it_is():
    assert str(EcgrnnError("a; b")) == "a; b"
    assert str(MisfitError("a")) == "a; change it, or set it to null"


@pytest.mark.parametrize("word", ["record=", "checkpoint=", "task=", "trainer.x=", "run_dir=", ""])
def test_a_command_line_of_200_kb_is_answered_in_a_line(word, capsys):
    assert main(["predict", f"{word}{'x' * 200_000}"]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert len(said) < 2000
