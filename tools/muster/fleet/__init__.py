"""Fleets: groups and devices, their secrets, who is admitted, and everything made from them in bulk."""
