"""Which device computes, in which numbers, compiled or not."""

import os
import shutil

import torch

from backproof.config import TrainConfig
from backproof.errors import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device of that name; auto is CUDA, else MPS, else the processor (ConfigError)."""
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(each for each, there in found.items() if there)
    if not found[name]:
        there = ", ".join(each for each, is_there in found.items() if is_there)
        raise ConfigError(f"device {name} is not available to this PyTorch; there is {there}")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Name a device for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def computes_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies in bfloat16 by instructions of its own, which makes it fast."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("bf16"))
    return False


def can_compile() -> bool:
    """Tell whether torch.compile finds the C++ compiler that it needs on the processor."""
    candidates = (os.environ.get("CXX"), "g++", "clang++", "cl")
    return any(shutil.which(compiler) for compiler in candidates if compiler)


def fast_settings(device: str) -> dict[str, object]:
    """Return the settings that make any network's training fastest on this device (ConfigError)."""
    return {"precision": "bf16"} if computes_bf16(find_device(device)) else {}


def parameter_dtype(config: TrainConfig) -> torch.dtype:
    """Return the dtype of weights and images; bf16 keeps them in float32 and rounds inside the products."""
    return torch.float64 if config.precision == "fp64" else torch.float32
