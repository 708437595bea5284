"""The part of the page that operators see: all devices, messages, log lines, fault switches."""
