"""What a run was made with: versions, commit, command and machine. Nothing here may stop a run, so all may be None."""

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "safetensors",
    "pydantic",
    "PyYAML",
    "datasets",
    "matplotlib",
)


def environment(command: Sequence[str]) -> dict[str, Any]:
    """What `environment.json` holds, before the engine adds its devices and precision.

    >>> environment(["ganatomy", "train", "digits-dcgan"])["command"]
    'ganatomy train digits-dcgan'
    """
    return {
        "command": shlex.join(command),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "ganatomy": {"version": version("ganatomy"), **checkout(Path(__file__))},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "cpu": {"model": cpu_model(), "cores": cores(), "threads": os.cpu_count(), "usable_threads": usable_threads()},
        "memory_bytes": memory_bytes(),
    }


def version(package: str) -> str | None:
    """The installed version of a package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def checkout(file: Path) -> dict[str, Any]:
    """The git commit a file was taken from, and whether tracked files differ from it; None outside a checkout.

    A file that git does not track is not of its checkout: an environment often lies within somebody else's repository.
    """
    tracked = _output("git", "-C", str(file.parent), "ls-files", "--error-unmatch", file.name)
    commit = _output("git", "-C", str(file.parent), "rev-parse", "HEAD") if tracked else None
    if commit is None:
        return {"commit": None, "changed": None}
    status = _output("git", "-C", str(file.parent), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": None if status is None else bool(status)}


def cpu_model() -> str | None:
    """The processor's name, as its maker sells it."""
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return next(iter(_cpuinfo("model name")), None) or platform.processor() or None


def cores() -> int | None:
    """Physical cores; None where the system does not tell."""
    if platform.system() == "Darwin":
        told = _output("sysctl", "-n", "hw.physicalcpu")
        return int(told) if told else None
    return len(set(zip(_cpuinfo("physical id"), _cpuinfo("core id"), strict=False))) or None


def usable_threads() -> int | None:
    """Hardware threads that this process may use, which a container or a scheduler may have narrowed."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def memory_bytes() -> int | None:
    """The machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _cpuinfo(key: str) -> list[str]:
    """Every value of a key in Linux's list of processors."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key]


def _output(*command: str) -> str | None:
    """What a program prints; None if it is missing, fails or hangs."""
    try:
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()
