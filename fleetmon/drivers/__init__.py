"""How to speak to a device. One folder per protocol, the same file names in each."""
