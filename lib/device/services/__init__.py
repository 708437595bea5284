"""Services: one file each, one common interface (device.runtime.service)."""
