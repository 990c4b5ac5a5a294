"""The report of the quickstart."""

from pykv.cli.quickstart_report import QuickstartReport, Work
from pykv.cli.quickstart_snapshot import Kept

WORK = Work(file_count=2_000, byte_count=4_000_000, seconds=0.5)


def test_work_has_rates() -> None:
    assert " ".join(WORK.text().split()) == "2,000 files 4.0 MB 0.500 s 8.0 MB/s 4,000/s"
    assert " ".join(Work(1, 10).text().split()) == "1 file 10 bytes"


def test_work_counts_and_is_timed() -> None:
    work = Work()
    with work.timed():
        work.count(b"12345")
    with work.timed():
        work.count(b"")
    assert (work.file_count, work.byte_count) == (2, 5)
    assert work.seconds > 0.0


def test_the_report_tells_files_bytes_rates_disk_memory_and_reopen_time() -> None:
    report = QuickstartReport(
        "/tree",
        "bitcask",
        stored=WORK,
        read=WORK,
        overwritten=WORK,
        left_out_count=1,
        deleted_count=666,
        acknowledged_count=1_234,
        reopen_killed_seconds=0.012,
        reopen_clean_seconds=0.001,
        disk_bytes_before=3_000_000,
        merge_seconds=0.25,
        checked_record_count=500,
        stats={
            "disk_bytes": 2_000_000,
            "live_bytes": 1_000_000,
            "keydir_bytes": 5_000,
            "key_count": 500,
        },
    )
    text = "\n".join(report.lines())
    for words in (
        "/tree in bitcask",
        "2,000 files",
        "8.0 MB/s",
        "1 file, unreadable or too large",
        "666 files",
        "after 1,234 acknowledged writes: none is missing",
        "in 12.0 ms after the kill, 1.0 ms after a clean close",
        "3.0 MB on disk to 2.0 MB, 2.00 of the live bytes, in 0.250 s",
        "500 records, no damage",
        "10.0 bytes of RAM a key",
    ):
        assert words in text


def test_an_engine_with_order_tells_what_was_scanned_and_one_without_live_bytes_its_disk() -> None:
    report = QuickstartReport(
        "/tree",
        "lsm",
        disk_bytes_before=3_000_000,
        merge_seconds=0.25,
        ordered_key_count=1_500,
        prefix_count=1,
        stats={"disk_bytes": 2_000_000},
    )
    text = "\n".join(report.lines())
    assert "3.0 MB on disk to 2.0 MB, in 0.250 s" in text
    assert "1,500 keys in order, forwards and backwards, and 1 prefix scan" in text


def test_what_an_engine_does_not_count_is_left_out() -> None:
    text = "\n".join(QuickstartReport("/tree", "other").lines())
    assert "memory" not in text
    assert "left out" not in text
    assert "in order" not in text
    assert "live" not in text


def test_the_parts_that_an_engine_has_are_told_and_so_is_that_it_has_none() -> None:
    report = QuickstartReport("/tree", "other", kept=Kept(3, 2))
    told = dict(line.split(maxsplit=1) for line in report.lines()[2:])
    assert told["snapshot"] == "3 keys unchanged while 2 were overwritten or deleted"
    for part in ("followed", "dropped", "checkpoint"):
        assert told[part] == "this engine has none"
