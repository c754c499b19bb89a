"""SNMP agents: of recordings, and of the switches, power distribution units and UPSes of a fleet."""
