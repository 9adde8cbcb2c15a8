"""Adapters that send requests: the network (`aiohttp`) and recorded answers for tests (`replay`)."""
