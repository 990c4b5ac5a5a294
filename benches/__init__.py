"""Measures pykv beside its peers: `python -m benches.run --help`."""
