"""An application that notes how long the event loop needs from one turn to the next; see loop_turns.py.

A task sleeps for 1 ms again and again: what it comes late is the turn of somebody else. It says the longest
of each window, and the work with tables is announced, so that the host knows what happened when.
"""

import asyncio
import time

WINDOW_US = 250000
ROUNDS = 60
KEYS = 10
TEXT = "x" * 500


async def watch():
    while True:
        longest_us = 0
        begun_us = last_us = time.ticks_us()
        while time.ticks_diff(last_us, begun_us) < WINDOW_US:
            await asyncio.sleep_ms(1)
            now_us = time.ticks_us()
            longest_us = max(longest_us, time.ticks_diff(now_us, last_us))
            last_us = now_us
        print("longest turn", longest_us)


async def put(table):
    for number in range(KEYS):
        table.put(f"key {number}", {"round": 0, "text": TEXT})
        await asyncio.sleep_ms(1)


async def find(table):
    for _ in range(ROUNDS):
        async for _ in table.find(lambda key, document: document["round"] < 0):
            pass


async def rewrite(table):
    """The same few documents again and again: segments fill with what is out of date, and are compacted."""
    for number in range(KEYS * ROUNDS):
        table.put(f"key {number % KEYS}", {"round": number, "text": TEXT})
        await asyncio.sleep_ms(1)


async def main(muster):
    asyncio.create_task(watch())
    await muster.online()
    table = await muster.table("turns")
    for name, work in (("put", put), ("find", find), ("compact", rewrite)):
        await asyncio.sleep(1)
        print("begin", name)
        await work(table)
        print("end", name)
    while True:  # a message now and then, so that a lost connection is noticed
        await asyncio.sleep(1)
        await muster.publish(muster.topic("turn"), {"alive": True})
