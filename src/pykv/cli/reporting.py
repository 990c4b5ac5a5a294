"""How `verify` and `repair` tell a Report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pykv.cli.output import count_text, size_text
from pykv.errors import Damage
from pykv.store import Report


def report_fields(report: Report) -> dict[str, Any]:
    """The fields of a report and its damages for JSON; a path becomes text."""
    fields = {name: getattr(report, name) for name in Report.__dataclass_fields__}
    fields["ok"] = report.ok
    fields["damages"] = [_damage_fields(damage) for damage in report.damages]
    return fields


def damage_lines(damages: Sequence[Damage], damage_count: int) -> list[str]:
    """A line for each damage that is listed, and one for those that are not."""
    lines = [str(damage) for damage in damages]
    if damage_count > len(damages):
        lines.append(f"and {damage_count - len(damages):,} more")
    return lines


def counts_text(report: Report) -> str:
    """What was read, as in "12 records in 2 files, 1.5 kB"."""
    records = count_text(report.record_count, "record")
    files = count_text(report.file_count, "file")
    return f"{records} in {files}, {size_text(report.byte_count)}"


def _damage_fields(damage: Damage) -> dict[str, Any]:
    return {
        "path": None if damage.path is None else str(damage.path),
        "offset": damage.offset,
        "text": damage.text,
        "expected": damage.expected,
        "got": damage.got,
    }
