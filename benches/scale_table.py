"""The README's table of how engines do as data grows, from a run of `make bench-scale`."""

from __future__ import annotations

from collections.abc import Callable
from statistics import harmonic_mean

from benches.scale_child import Report
from benches.scale_report import PEER, Outcome, Part, conditions, rate_kept
from benches.scale_stores import PYKV, RAW
from benches.summary import number

_ROWS: tuple[tuple[str, Callable[[Report], str]], ...] = (
    (
        "puts a second, thousands",
        lambda report: f"{harmonic_mean(report.bin_rates) / 1e3:,.0f}" if report.bin_rates else "-",
    ),
    ("rate of the last tenth over that of the first", lambda report: f"{rate_kept(report):.2f}"),
    ("longest put, ms", lambda report: number(report.puts.max / 1e3)),
    ("bytes written for each byte put", lambda report: number(report.write_amplification)),
    (
        "bytes on disk after close for each byte put",
        lambda report: f"{report.space_amplification_closed:.2f}",
    ),
    (
        "get right behind that, half and 99.9 % at most, us",
        lambda report: (
            f"{number(report.gets.p50)} / {number(report.gets.p999)}" if report.gets.count else "-"
        ),
    ),
    (
        "checkpoint behind that, and links to its files with a sync, ms",
        lambda report: (
            f"{number(report.checkpoint_ms)} / {number(report.links_ms)}"
            if report.checkpoint_ms
            else "-"
        ),
    ),
)


def scale_table(outcome: Outcome) -> str:
    """The table and the conditions it holds for, in Markdown, ending with a newline."""
    columns = [(part, name) for part in Part for name in (RAW, *PYKV, PEER)]
    columns = [(part, name) for part, name in columns if name in outcome.reports[part]]
    header = ["", *(f"{name}, tight" if part is Part.TIGHT else name for part, name in columns)]
    rows = [
        [title, *(cell(outcome.reports[part][name]) for part, name in columns)]
        for title, cell in _ROWS
    ]
    measured = [row for row in rows if set(row[1:]) != {"-"}]
    lines = [header, ["---", *["---:"] * len(columns)], *measured]
    sentences = [f"Measured {outcome.made[:10]}.", *conditions(outcome)]
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([*text, "", *(f"- {sentence}" for sentence in sentences)]) + "\n"
