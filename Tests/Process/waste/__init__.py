"""Counts what a process's threads allocate, retain and copy, while they run (counts.c)."""
