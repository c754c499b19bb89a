"""What an SNMP agent tells, as ours: pure functions, tables in, model out."""
