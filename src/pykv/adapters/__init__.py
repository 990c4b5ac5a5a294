"""Databases of others as stores: SQLite, LMDB, LevelDB and RocksDB.

`pykv.open(path, engine="sqlite")`, "lmdb", "leveldb" or "rocksdb". The package of a database is
imported when one is opened; `pip install pykv[lmdb]`, [leveldb] and [rocksdb] bring it.
"""
