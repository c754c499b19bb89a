"""Redfish, over DMTF's asyncio client."""
