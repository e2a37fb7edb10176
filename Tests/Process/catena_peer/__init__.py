"""A second implementation of Catena's protocol, made from docs/PROTOCOL.md and catena.proto alone.

It puts, gets and misbehaves against live daemons. Standard library only.
"""
