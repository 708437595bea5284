"""Firmware and file systems onto boards: ESP32s by esptool, Pico Ws by the drive of BOOTSEL mode."""
