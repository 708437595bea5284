"""The thermometer within the chip of a Pico W or an ESP32; on any other board a made-up one."""

import machine


class Thermometer:
    """Says how warm it is."""

    def celsius(self):
        """The temperature in degrees Celsius, to a tenth."""
        return round(self._chip(), 1)

    def _chip(self):
        try:
            import esp32

            if hasattr(esp32, "mcu_temperature"):  # ESP32-C3, S2, S3
                return float(esp32.mcu_temperature())
            return (esp32.raw_temperature() - 32) / 1.8
        except ImportError:
            pass
        if hasattr(machine, "ADC"):
            volts = machine.ADC(machine.ADC.CORE_TEMP).read_u16() * 3.3 / 65535
            return 27 - (volts - 0.706) / 0.001721  # RP2040 datasheet, section 4.9.5
        return 21.5
