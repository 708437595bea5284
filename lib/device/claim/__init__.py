"""Provisioning by claim: protocol, journal, key and handshake. Loaded only for that, then unloaded."""
