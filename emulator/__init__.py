"""A fleet that can fail: machines as state, served over the wire, faults on demand, a ledger of what really happened.

It imports nothing of `fleetmon`: what both sides know is the wire alone, so that a shared misunderstanding cannot hide.
"""
