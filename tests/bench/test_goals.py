"""The table of rows and goals is whole."""

from benches.goals import GOALS, RANGE_ROWS, ROW_BY_NAME, ROWS, Goal, Kind, Section


def test_every_goal_belongs_to_a_row() -> None:
    for goals in GOALS.values():
        assert set(goals) <= set(ROW_BY_NAME)


def test_row_names_are_unique() -> None:
    assert len(ROW_BY_NAME) == len(ROWS)


def test_synced_rows_are_the_ones_that_say_so() -> None:
    synced = {row.name for row in ROWS if row.durability == "sync"}
    features = {row.name for row in ROWS if row.section is Section.FEATURES}
    assert {row.name for row in ROWS if row.section is Section.SYNCED} == synced - features


def test_the_memory_of_a_bitcask_has_a_goal_and_an_lsm_has_none() -> None:
    assert GOALS["bitcask"]["ram"] == Goal(Kind.VALUE, 12.0)
    assert "ram" not in GOALS["lsm"]


def test_goals_are_told_in_the_unit_of_their_row() -> None:
    assert Goal(Kind.PEER, 1.5).text("us") == "1.5x"
    assert Goal(Kind.FLOOR, 1.1).text("us") == "at most 1.1x raw"
    assert Goal(Kind.VALUE, 5.0).text("ms") == "at most 5 ms"
    assert Goal(Kind.COST, 1.15).text("us") == "at most 1.15x"


def test_every_feature_has_a_goal_in_the_engines_that_have_it() -> None:
    features = {row.name for row in ROWS if row.section is Section.FEATURES}
    assert features - RANGE_ROWS <= set(GOALS["bitcask"])
    assert features <= set(GOALS["lsm"])
