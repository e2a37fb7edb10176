"""The crash campaign: a cluster under load whose processes are killed, and a ledger outside of it.

`plan` says what a seed does, `journal` what was acked and what may therefore be read, `worker` is a
client process, `oracle` reads everything back, `campaign` puts them together, with `power` cut in
place of kills. `dev/crash` starts it.
"""
