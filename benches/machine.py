"""What is measured on: machine, versions, and the counters of bytes written to the device."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SECTOR_BYTES = 512


def describe(directory: Path) -> dict[str, str]:
    """Facts that a reader of the figures needs, by name. `directory` is where stores are made."""
    return {
        "cpu": _field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {kernel_version()}",
        "file system": file_system(directory),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "commit": commit(),
        "load at start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def kernel_version() -> str:
    """The numbers of the kernel's release, without what a distributor adds."""
    return re.split(r"[^0-9.]", platform.release(), maxsplit=1)[0]


def file_system(directory: Path) -> str:
    """Type of the file system that holds `directory`."""
    best, kind = "", "unknown"
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return kind
    path = str(directory.resolve())
    for line in lines:
        _device, point, mounted = line.split(" ")[:3]
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, mounted
    return kind


def commit() -> str:
    """The commit that is checked out, "unknown" outside a clone."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def device_written_bytes(directory: Path) -> int | None:
    """Bytes written so far, by anyone, to the block device that holds `directory`.

    None where the kernel does not tell, as on tmpfs and overlay mounts.
    """
    device = directory.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    try:
        return int(counters.read_text(encoding="ascii").split()[6]) * SECTOR_BYTES
    except (OSError, IndexError, ValueError):
        return None


def _memory() -> str:
    total = _field(Path("/proc/meminfo"), "MemTotal")
    return f"{int(total.split()[0]) / (1 << 20):.0f} GiB" if total else "unknown"


def _field(path: Path, name: str) -> str | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return None
