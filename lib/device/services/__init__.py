"""Services: one file each, one common interface (runtime.service), started and restarted by the supervisor."""
