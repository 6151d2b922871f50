"""Rules for any input: what is written is read back, and anything else is refused in a line."""

import string

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ecgrnn.data.databases.record_names import checked_name
from ecgrnn.data.kept_arrays import keep, read_kept
from ecgrnn.errors import EcgrnnError
from ecgrnn.options.arguments import quoted
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.plain_yaml import read_plain_yaml
from ecgrnn.reports.spreadsheets import harmless
from ecgrnn.signals.formats.wfdb.annotation_format import SYMBOLS, decode_annotations, encode_annotations
from ecgrnn.signals.formats.wfdb.header import read_header
from ecgrnn.signals.formats.wfdb.record import read_record
from ecgrnn.signals.formats.wfdb.writer import write_digital

any_input = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Files of one test take each other's place, so that a folder for all examples will do."""


def tried(work):
    """Give what came of some work, and why it was refused, one of them empty."""
    try:
        return work(), ""
    except (EcgrnnError, ValueError, yaml.YAMLError) as error:
        return None, str(error)


codes = st.sampled_from(sorted(set(SYMBOLS[1:]) - {"\0"}))
notes = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=255)
marks = st.tuples(st.integers(0, 2**24), codes, st.integers(-128, 127), notes)


@any_input
@given(made=st.lists(marks, min_size=1, max_size=12))
def test_annotations_are_read_as_they_were_written(made, tmp_path):
    steps, symbols, subtypes, texts = zip(*made, strict=True)
    sample = np.cumsum(steps) + 1  # a note at sample 0 describes the file
    content = encode_annotations(
        sample, np.array(symbols), subtype=np.array(subtypes), aux_note=np.array(texts), fs_hz=None
    )
    (tmp_path / "a.atr").write_bytes(content)
    found = decode_annotations(tmp_path / "a.atr")
    assert found.sample.tolist() == sample.tolist()
    assert found.symbol.tolist() == list(symbols)
    assert found.subtype.tolist() == list(subtypes)
    assert found.aux_note.tolist() == list(texts)


@any_input
@given(content=st.binary(max_size=300))
def test_any_bytes_are_annotations_or_refused(content, tmp_path):
    (tmp_path / "a.atr").write_bytes(content)
    found, said = tried(lambda: decode_annotations(tmp_path / "a.atr"))
    assert found is not None or "a.atr" in said
    assert found is None or len(found.sample) == len(found.symbol) == len(found.subtype) == len(
        found.aux_note
    )


sizes = st.tuples(st.integers(1, 40), st.integers(1, 4))


@any_input
@given(
    digital=arrays.arrays(np.int16, sizes, elements=st.integers(-2047, 2047)),
    fmt=st.sampled_from(["212", "16"]),
    data=st.data(),
)
def test_any_stretch_of_a_record_is_what_was_written(digital, fmt, data, tmp_path):
    n_samples, n_leads = digital.shape
    leads = [f"L{lead}" for lead in range(n_leads)]
    write_digital(tmp_path / "r", digital, fmt=fmt, fs_hz=250.0, leads=leads, gain_per_mv=200.0)
    start = data.draw(st.integers(0, n_samples - 1))
    stop = data.draw(st.integers(start + 1, n_samples))
    columns = data.draw(st.permutations(range(n_leads)))
    found = read_record(tmp_path / "r", columns=columns, start=start, stop=stop)
    np.testing.assert_array_equal(found.signal, digital[start:stop, columns] / np.float32(200.0))


usual = ["rec", "rec.dat", "212", "16x2", "200(0)/mV", "1e309", "-1", "0", "²", "nan", "~", "rec/2", "1" * 30]
fields = st.one_of(
    st.sampled_from(usual), st.integers(-(10**20), 10**20).map(str), st.text(string.printable, max_size=12)
)


@any_input
@given(lines=st.lists(st.lists(fields, max_size=9), max_size=4))
def test_any_text_is_a_header_or_refused_in_one_line(lines, tmp_path):
    (tmp_path / "rec.hea").write_text("\n".join(" ".join(line) for line in lines), encoding="utf-8")
    (tmp_path / "rec.dat").write_bytes(bytes(600))
    header, said = tried(lambda: read_header(tmp_path / "rec"))
    assert header is not None or ("rec" in said and len(said.splitlines()) == 1)
    assert header is None or (0 < header.fs_hz < 1e12 and header.n_samples >= 0)


letters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x85\u2028\u2029\ufeff")
names = st.text(letters, min_size=1, max_size=8)
values = st.one_of(names, st.lists(names, max_size=4), st.dictionaries(names, names, max_size=4))


@any_input
@given(tree=st.dictionaries(names, values, max_size=5))
def test_texts_lists_and_tables_are_read_as_they_were_written(tree, tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    assert read_plain_yaml(tmp_path / "a.yaml") == tree


@any_input
@given(text=st.text("[]{}:,&*!|>'\"%@-?# \na1", max_size=60))
def test_any_text_is_yaml_or_refused(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    tried(lambda: read_plain_yaml(tmp_path / "a.yaml"))


@any_input
@given(value=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_any_text_is_an_option_as_it_was_quoted(value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (read,) = OverridesParser.create().parse_overrides([f"record={quoted(value)}"])
    assert read.value() == value


signs = "=+-@\uff1d\uff0b\uff0d\uff20\t\r"


@any_input
@given(text=st.text(f"{signs}\n 1ea'\"", max_size=8))
def test_no_text_in_a_table_is_a_formula(text):
    shown = harmless(text)
    plain = text.replace("\r", " ").replace("\n", " ")
    assert shown in (plain, f"'{plain}")
    begins = shown.lstrip(" ").startswith(tuple(signs))
    assert not begins or tried(lambda: float(shown))[0] is not None


secrets = st.text(string.ascii_letters + string.digits, min_size=6, max_size=20).map("s3cr".__add__)


@any_input
@given(secret=secrets)
def test_no_password_of_an_address_is_shown(secret):
    for text in (
        f"postgresql://user:{secret}@host/name",
        f"s3://key:{secret}@bucket/a",
        f"https://host/x?user=a&password={secret}&b=1",
        f"https://host/x?token={secret}",
    ):
        assert secret not in str(without_passwords(f"storage={text} is no address"))


@pytest.mark.parametrize("lead", ["", "../", "/", "a/../", "a//", "~/"])
@any_input
@given(name=st.text(max_size=20))
def test_no_name_leads_out_of_its_folder(lead, name, tmp_path):
    checked, said = tried(lambda: checked_name(lead + name, source="RECORDS"))
    assert "RECORDS" in said or tmp_path.resolve() in (tmp_path / checked).resolve().parents


@any_input
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
def test_damaged_arrays_are_computed_again(at, bit, cut, tmp_path):
    file = tmp_path / "kept.npz"
    keep(file, {"rows": np.arange(40)}, key="k")
    content = bytearray(file.read_bytes())
    at %= len(content)
    content[at] ^= 1 << bit
    file.write_bytes(content[:at] if cut else content)
    assert read_kept(file, key="k") is None


@any_input
@given(text=st.text(max_size=3000))
def test_any_message_is_one_short_line_that_steers_no_terminal(text):
    said = str(EcgrnnError(f"\x1b[2J{text}"))
    assert len(said.splitlines()) <= 1
    assert len(said) <= 1500
    assert "\x1b" not in said
