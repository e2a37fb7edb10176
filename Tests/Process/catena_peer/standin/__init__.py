"""Small Python daemons with the command lines of the real ones (CATENA_BIN=standin).

They exist so that the process tests can be tested: a test that passes here and fails against the
real daemons has found a difference between two implementations of one page. One thread for each
connection, everything in memory but sealed blocks; not for anything else.
"""
