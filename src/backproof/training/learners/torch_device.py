"""Which device computes, in which numbers, compiled or not."""

import importlib.util
import os
import shutil
import sys

import torch
import torch.distributed as dist

from backproof.errors import ConfigError
from backproof.training.config import TrainConfig


def find_device(name: str) -> torch.device:
    """Return the device of that name; auto is CUDA, else MPS, else the processor (ConfigError).

    Of several processes on one machine, each gets a CUDA device of its own; MPS is for one process.
    """
    in_group = dist.is_initialized()
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available() and not in_group,
        "cpu": True,
    }
    usable = [device for device, is_available in available.items() if is_available]
    if name == "auto":
        name = usable[0]
    if name not in usable:
        raise ConfigError(f"device {name} is not available here; there is {', '.join(usable)}")
    if name != "cuda" or not in_group:
        return torch.device(name)
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"{torch.cuda.device_count()} CUDA devices are too few for process {number} of this machine; "
            "start fewer, or choose --device cpu"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def device_name(device: torch.device) -> str:
    """Return the device's name for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def computes_bf16(device: torch.device) -> bool:
    """Return whether the device multiplies in bfloat16 by instructions of its own, which makes it fast."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("bf16"))
    return False


def can_compile(device: torch.device) -> bool:
    """Return whether torch.compile finds what it needs: a C++ compiler, on CUDA Triton too."""
    default = "clang++" if sys.platform == "darwin" else "cl" if sys.platform == "win32" else "g++"
    has_compiler = shutil.which(os.environ.get("CXX") or default) is not None
    return has_compiler and (device.type != "cuda" or importlib.util.find_spec("triton") is not None)


def fast_settings(device: str) -> dict[str, object]:
    """Return the precision that trains fastest on this device, as a setting if it is not the default."""
    return {"precision": "bf16"} if computes_bf16(find_device(device)) else {}


def parameter_dtype(config: TrainConfig, device: torch.device) -> torch.dtype:
    """Return the dtype of weights and images; bf16 keeps them in float32 and rounds inside the products.

    ConfigError for fp64 on MPS, which lacks it.
    """
    if config.precision == "fp64" and device.type == "mps":
        raise ConfigError("device mps has no 64-bit numbers; choose --device cpu or --precision fp32")
    return torch.float64 if config.precision == "fp64" else torch.float32
