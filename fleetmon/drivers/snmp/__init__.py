"""SNMP: so far the traps that devices send by themselves."""
