import pytest

from ecgrnn.signals.symbols import AAMI, BEAT_SYMBOLS, BXB, RHYTHMS, SCHEMES, WAVES

DE_CHAZAL = {
    "N": "NLRej",
    "S": "AaJS",
    "V": "VE",
    "F": "F",
    "Q": "/fQ",
}


@pytest.mark.parametrize(("name", "symbols"), DE_CHAZAL.items())
def test_aami_groups_symbols_as_de_chazal_does(name, symbols):
    assert {AAMI.symbols[symbol] for symbol in symbols} == {name}


def test_bxb_differs_from_aami_in_the_escape_beats_alone():
    different = {symbol for symbol in BEAT_SYMBOLS if AAMI.symbols[symbol] != BXB.symbols[symbol]}
    assert different == {"e", "j", "n"}
    assert {BXB.symbols[symbol] for symbol in different} == {"S"}


@pytest.mark.parametrize("name", ["aami", "bxb"])
def test_every_scheme_has_a_class_for_every_beat_and_for_nothing_else(name):
    scheme = SCHEMES[name]
    assert scheme.name == name
    assert set(scheme.symbols) == BEAT_SYMBOLS
    assert set(scheme.symbols.values()) == set(scheme.classes)
    assert scheme.citation


def test_the_classes_stand_in_the_order_of_ec57():
    assert [AAMI.index(symbol) for symbol in "NSVFQ"] == [0, 1, 2, 3, 4]
    assert AAMI.index("+") == -1


def test_marks_that_are_no_beats_are_none():
    assert not BEAT_SYMBOLS & set('!x+~|"[]pt()^=@')


def test_a_wave_is_named_by_its_peak():
    assert (WAVES["p"], WAVES["N"], WAVES["V"], WAVES["t"], WAVES["u"]) == ("P", "QRS", "QRS", "T", "U")


def test_schemes_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        SCHEMES["mine"] = AAMI  # type: ignore[index]
    with pytest.raises(TypeError):
        RHYTHMS["AFIB"] = "something else"  # type: ignore[index]
