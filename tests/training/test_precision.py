import pytest
import torch

from ecgrnn.training import precision
from ecgrnn.training.precision import processor_computes_bfloat16, with_precision


@pytest.mark.parametrize(
    ("avx512", "amx", "wanted"),
    [(False, False, "32-true"), (True, False, "bf16-mixed"), (False, True, "bf16-mixed")],
)
def test_a_processor_computes_in_bfloat16_where_it_has_the_instructions(avx512, amx, wanted, monkeypatch):
    monkeypatch.setattr(precision.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    keys, why = with_precision({"accelerator": "cpu", "precision": "auto", "devices": 1})
    assert keys == {"accelerator": "cpu", "precision": wanted, "devices": 1}
    assert why == f"{wanted}: the processor has {'no ' * (not (avx512 or amx))}bfloat16 instructions"


def test_an_emulation_does_not_count(monkeypatch):
    """oneDNN calls bfloat16 supported wherever there is AVX-512."""
    monkeypatch.setattr(precision.platform, "machine", lambda: "AMD64")
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: True)
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, check, raising=False)
    assert not processor_computes_bfloat16()


@pytest.mark.parametrize(
    ("accelerator", "has"), [("gpu", True), ("gpu", False), ("auto", True), ("cuda", False)]
)
def test_a_gpu_is_asked_what_it_has_itself(accelerator, has, monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **how: asked.append(how) or has)
    keys, why = with_precision({"accelerator": accelerator, "precision": "auto"})
    assert keys["precision"] == ("bf16-mixed" if has else "32-true")
    assert "T4" in why
    assert asked == [{"including_emulation": False}]


def test_a_precision_that_is_named_stays():
    for keys in ({"precision": "16-mixed"}, {}, {"accelerator": "cpu"}):
        assert with_precision(keys) == (keys, "")
