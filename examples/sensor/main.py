"""Measures the temperature, keeps what it measures while off line, and publishes it when on line."""

import asyncio

from thermometer import Thermometer


async def main(muster):
    """Measure for ever; a second task publishes."""
    readings = await muster.table("readings")
    asyncio.create_task(publish(muster, readings))
    thermometer = Thermometer()
    while True:
        reading = {"unix": muster.unix(), "celsius": thermometer.celsius()}
        readings.put(str(reading["unix"]), reading)
        muster.log("%(celsius)s degrees" % reading)
        await asyncio.sleep(muster.setting("every_s", 60))


async def publish(muster, readings):
    """Publish what is in the table, and delete what the cloud has."""
    while True:
        await muster.online()
        async for key, reading in readings.find():
            await muster.publish(muster.topic("temperature"), reading)
            readings.delete(key)
        await asyncio.sleep(1)
