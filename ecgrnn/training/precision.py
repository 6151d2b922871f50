"""The precision of a training, chosen by what the device computes in its own instructions."""

import platform
from collections.abc import Mapping
from typing import Any

import torch

from ecgrnn.data.ranks import broadcast
from ecgrnn.nn.fused import processor_has_bfloat16

AUTO = "auto"
"""``trainer.precision=auto``: bfloat16 where the device has instructions for it, else single precision."""

_MIXED, _SINGLE = "bf16-mixed", "32-true"
_X86 = {"x86_64", "amd64", "i386", "i686"}
_X86_CHECKS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


def with_precision(keys: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Give the keys of Lightning's Trainer with a precision in place of ``auto``, and say why it was chosen.

    All processes take what the first one chooses.

    Returns:
        The keys, and one line for the user; empty where ``precision`` is not ``auto``.
    """
    if keys.get("precision") != AUTO:
        return dict(keys), ""
    device, has = device_with_bfloat16(str(keys.get("accelerator", AUTO)))
    chosen = broadcast(_MIXED if has else _SINGLE)
    return {
        **keys,
        "precision": chosen,
    }, f"{chosen}: {device} has {'' if has else 'no '}bfloat16 instructions"


def device_with_bfloat16(accelerator: str) -> tuple[str, bool]:
    """Name the device that an accelerator of Lightning's stands for, and tell whether it has bfloat16.

    Emulation does not count: on a processor without the instructions bfloat16 is several times slower than
    single precision.
    """
    if accelerator in ("gpu", "cuda", AUTO) and torch.cuda.is_available():
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        return f"the GPU ({torch.cuda.get_device_name()})", bool(has)
    if accelerator in ("cpu", AUTO):
        return "the processor", processor_computes_bfloat16()
    return f"the accelerator {accelerator}", False


def processor_computes_bfloat16() -> bool:
    """Tell whether the processor multiplies in bfloat16 itself: AVX-512 BF16 or AMX, or Arm's instructions.

    oneDNN calls bfloat16 supported on any processor with AVX-512, and emulates it there.
    """
    if platform.machine().lower() in _X86:
        return any(bool(getattr(torch.cpu, check, lambda: False)()) for check in _X86_CHECKS)
    return processor_has_bfloat16()
