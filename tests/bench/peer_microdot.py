"""The peer of the web server: microdot as published and nothing else, with the same page and one document."""

import asyncio
import gc
import os
import time

import network

gc.collect()
_before = gc.mem_alloc()

import microdot  # noqa: E402

app = microdot.Microdot()
link = network.WLAN(network.STA_IF)


@app.route("/")
def page(request):
    """The page from the flash."""
    return microdot.send_file(
        "/lib/page.html", content_type="text/html", compressed=True, file_extension=".gz"
    )


@app.route("/api/claim")
def claim(request):
    """A document of the size of ours."""
    return {"text": "x" * 1400}


async def main():
    """Join, serve, and say where and what it takes."""
    link.active(True)
    link.connect("workshop", "password")
    while not link.isconnected():
        time.sleep_ms(5)
    while True:
        port = 49152 + int.from_bytes(os.urandom(2), "big") % 16384
        task = asyncio.create_task(app.start_server(host="127.0.0.1", port=port))
        await asyncio.sleep_ms(100)
        if not task.done():
            break
    gc.collect()
    print("heap", gc.mem_alloc() - _before)
    print(f"web page at http://127.0.0.1:{port}/")
    await task


asyncio.run(main())
