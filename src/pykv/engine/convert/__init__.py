"""Conversions: the rows of a store in a new database of another engine.

    target/CHECKPOINT.tmp     what keeps everybody from opening it, as in unfinished checkpoints
    target/.convert/MARK      what is converted, and how far that is
    target/.convert/data      the database that is being made

When both sides were found equal, the files of the database move up, its manifest last.
"""

from pykv.engine.convert.run import Conversion, convert

__all__ = ["Conversion", "convert"]
