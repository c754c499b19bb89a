"""Redfish as an emulated BMC answers it: the tree of resources, sessions, tasks and what clients may ask of each."""
