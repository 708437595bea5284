// `navigator.serial` with one port, played by tests/boards/esp_port.py through the function `espPort`.
// As far as esptool-js uses it: Web Serial API (W3C Community Group draft), "SerialPort interface".

class Port extends EventTarget {
  readable = null;
  writable = null;
  #baud = 0;
  #controller;

  getInfo() {
    return { usbVendorId: 0x10c4, usbProductId: 0xea60 }; // a bridge, CP2102
  }

  async #ask(what, words) {
    const answer = await espPort(what, words);
    if (answer.fault) throw new DOMException(answer.fault, "NetworkError");
    if (answer.isGone) throw this.unplug();
    else if (answer.data) this.#controller.enqueue(Uint8Array.from(atob(answer.data), (one) => one.charCodeAt(0)));
  }

  unplug() {
    const lost = new DOMException("The device has been lost.", "NetworkError");
    this.#controller.error(lost);
    this.readable = this.writable = null;
    this.dispatchEvent(new Event("disconnect"));
    return lost;
  }

  async open({ baudRate }) {
    if (this.readable) throw new DOMException("The port is already open.", "InvalidStateError");
    await this.#ask("open", {});
    this.#baud = baudRate;
    this.readable = new ReadableStream({ start: (controller) => void (this.#controller = controller) });
    this.writable = new WritableStream({
      write: (data) => this.#ask("write", { baud: this.#baud, data: btoa(String.fromCharCode(...data)) }),
    });
  }

  async setSignals(signals) {
    if (!this.readable) throw new DOMException("The port is not open.", "InvalidStateError");
    await this.#ask("signals", signals);
  }

  async close() {
    if (this.readable?.locked || this.writable?.locked) throw new TypeError("Cannot close a locked stream.");
    this.readable = this.writable = null;
    await this.#ask("close", {});
  }
}

const port = new Port();
window.espUnplug = () => void port.unplug();
Object.defineProperty(navigator, "serial", {
  value: {
    async requestPort() {
      const { fault } = await espPort("choose", {});
      if (fault) throw new DOMException(fault, "NotFoundError");
      return port;
    },
  },
});
