"""The ports of a board: the program's only access to hardware, network, time and flash.

This is the contract in prose; `device.port.compose` makes the real ports, the simulated fleet and the tests
make others. Durations are integer milliseconds, wall-clock times integer Unix seconds. Anything that can
fail raises `failures.Failure` and nothing else.

board    name(); random_bytes(count); reset(); free_memory() in bytes after a collection; memory_text(), the
         same as text; unused_memory(), bytes without a collection; has_piece(bytes) and largest_piece(),
         free in one piece after a collection; hold_piece(), holds a place for the next TLS connection;
         release_piece(room), gives it up, or only if fewer than `room` bytes are free without it;
         say(source, text, level), one line on the console and in the log, refuses what is no text;
         beacon(text), a line for programs; say_again(), what boot.py said; verbose(on), whether DEBUG lines
         are said; log, the core.log.Ring of the last lines, which outlives a reset; cause, why the board
         started (core.log_format);
         traceback(error), text for the console; interval(name, default_ms), another one in tests;
         start_watchdog(), which cannot be taken back; feed(); held(), whether the escape pin is held;
         pin(name, is_output) -> a pin or None: called, it gets or sets its level;
         crashed(), whether this start follows a watchdog or program reset;
         watch_loop(limit_ms, on_stuck), calls `on_stuck(ms)` when the loop stands still;
         end_start(), from now on it collects garbage earlier;
         gate(limit_ms, makes_garbage), a `with` block for blocking work: it feeds the watchdog until the
         limit;
         stand_by(on), feeds without an event loop: after boot.py, and at the REPL prompt.
clock    ms(), since the start, never goes back; unix(); set_unix(seconds); async sleep_ms(ms);
         async wait(coroutine, limit_ms) -> whether it finished in time; async alone(coroutine) -> its
         result, for a task that holds nothing of it afterwards.
store    read(path, limit) -> bytes or None; write(path, bytes), atomic; part(path), a file written in
         pieces: write(bytes), then done() or drop(); copy(from, to); exists(path);
         append(path, pieces) -> (size before, size after): all of them or none after a power cut;
         read_at(path, offset, size) -> bytes, fewer at the end; sizes(path of a directory) -> {name: bytes};
         remove(path); has_room(bytes); space() -> (bytes free, bytes in all); open_file(path) ->
         (file with read(size) and close(), size) or None; read_slot(path) -> {name: bytes or None}, or
         None without the directory; digests(path of a slot) -> {name: hex or None};
         apply(operations of core.slots); tidy(), after a power cut.
network  connected(); begin(networks, country), which does not wait; async join(networks, country);
         leave(); restart(), the radio as well; facts() -> (name, own address, dBm) or None; scan() ->
         [(name, dBm, is open)], which blocks; async open_access_point(name, password, country) -> own
         address; close_access_point(); stations(), how many are on it, None when it is closed; async
         answer_names(address), for ever; async lookup(host) -> address;
         async ask_time(hosts) -> Unix seconds or None;
         listen(address or "", port, 0 for any free one) -> listener: host, port, close(), async accept() ->
         (stream, address of the client); stream: async read(size), write(data), async drain(),
         async wait_closed(), which closes it.
connect  async connect(host, port, client_id, files) -> connection, once CONNACK has arrived. `files()` gives
         {name: PEM or DER} and is called once, so that no copy stays in memory during the handshake.
         connection: on_message(topic, payload), a plain function or None; is_retained, whether that message
         was kept by the server for later subscribers; lost, None or the Failure;
         async subscribe(filters), publish(topic, payload, qos), ping(), ended(), close();
         is_busy(), whether an acknowledgement is awaited; between_packets(call), which calls it while
         nothing is being sent.
exchange async exchange(address, method, headers, body, path, limit_bytes, files) -> core.http.Answer: one
         HTTP request over one connection, verified if it is TLS. address: core.http.Url; body: bytes or None;
         the answer's body goes to the file `path`, or to memory if that is None, and has at most
         `limit_bytes`. A file is written only for a status of 2xx. `files()`: {name: PEM or DER} of the
         certificate and the key that the board shows to the server, or {}; it is called once that is found.
build    what the image contains: VERSION, BOARD, SERVICES, BUILD_TIME, INTERVALS; LISTEN, where the page is
         without web.json; TLS_HEAP_BYTES, what one TLS session takes of the heap, TLS_PIECE_BYTES of it in
         one piece, and TLS_SESSIONS, how many may be open; WEB_BESIDE_TLS, whether there is memory for the
         page beside one; LIGHT_PIN and ESCAPE_PIN, of light and button, or None (see
         tools/muster/mpy.py).
"""

from collections import namedtuple

Ports = namedtuple("Ports", ("board", "clock", "store", "network", "connect", "exchange", "build"))
