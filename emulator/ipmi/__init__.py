"""IPMI as an emulated BMC answers it: sessions on the wire, and behind them what the machine has to say."""
