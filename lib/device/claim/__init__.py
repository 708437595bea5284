"""The way to an identity: protocol, journal, key and handshake. Loaded only for that, and unloaded whole."""
