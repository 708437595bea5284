"""The simulated fleet: many light boards on the host, each running the device's own core in memory.

A simulated board is the code of a real one (settings, session, provisioning steps, handshake, journal, slots,
boot status) with other ports: its flash is a dictionary (`flash`), its network an asyncio TLS connection
(`link`), its clock the host's (`board`). `run` lets many of them work at once and `report` counts.
"""
