"""Rows in files: tab-separated values, comma-separated values, JSON Lines, and directories."""
