"""Measures the temperature, keeps what it measures while off line, and publishes it when on line.

If config.json synchronises the table (`"sync": {"readings": "up"}`), the cloud gets the table instead.
"""

import asyncio

from thermometer import Thermometer


async def main(muster):
    """Measure for ever; a second task publishes."""
    readings, own = await muster.table("readings"), await muster.table("own")
    asyncio.create_task(deliver(muster, readings))
    start = (own.get("start") or {"number": 0})["number"] + 1
    own.put("start", {"number": start})
    thermometer, number = Thermometer(), 0
    while True:
        number += 1
        key = "%d-%d" % (start, number)  # no other reading ever has it, whatever the clock says
        reading = {"unix": muster.unix(), "celsius": thermometer.celsius()}
        readings.put(key, reading)
        muster.log("%s degrees, reading %s" % (reading["celsius"], key))
        await asyncio.sleep(muster.setting("every_s", 60))


async def deliver(muster, readings):
    """Publish what is in the table, unless it is synchronised, and remove what the cloud has."""
    while True:
        await muster.online()
        async for key, reading in readings.find():
            if readings.forget(key) is None:  # this table is not synchronised
                await muster.publish(muster.topic("temperature"), reading)
                readings.delete(key)
        await asyncio.sleep(1)
