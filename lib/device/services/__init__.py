"""Services: one file each, with a common interface (device.runtime.service)."""
