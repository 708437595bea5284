// An ESP32 on a serial port, found, checked, written and verified by esptool-js.

import { ESPLoader, Transport } from "./esptool-js.js";

const BAUD = 460800; // every usual USB bridge keeps up
const ATTEMPTS = 4; // to come into the loader
const PIECE = 0x20000; // so many bytes of flash at a time, whole sectors: progress is what is in the flash
const CLOSE_MS = 3000; // more than a port needs to close, if it does
// EN down and up with GPIO 0 left alone. `hard_reset` of esptool-js 0.7.0 never pulls EN down.
const RESET = "D0|R1|W200|R0";
const HOLD_BOOT = "hold its BOOT button while you plug it in, then try again";
const UNPLUGGED = "The board was unplugged, or its cable is bad: plug it in, then try again.";

// What went wrong, in words for people.
export class Trouble extends Error {}

// Write `files` [{offset, md5, data}] onto the board at `port`, and start it.
//
// `board`: {chip, flash_bytes} that it must have. `allow(mac)`: whether this very board may be written, asked
// before anything is. `report(what, part)`: what is done, and which part of it is (0 to 1; null: not known).
// Gives the MAC of the board, or null when `allow` said no; throws Trouble.
export async function flash(port, board, files, allow, report) {
  const transport = new Transport(port);
  const loader = new ESPLoader({ transport, baudrate: BAUD, terminal: { clean() {}, write() {}, writeLine() {} } });
  loader.WRITE_BLOCK_ATTEMPTS = 1; // who pulls a cable is told so at once
  const end = new AbortController();
  let isGone = false;
  const gone = new Promise((_, reject) => {
    const unplugged = () => {
      isGone = true;
      reject(new Trouble(UNPLUGGED));
    };
    port.addEventListener("disconnect", unplugged, { signal: end.signal });
  });
  const work = written(loader, board, files, allow, report);
  for (const one of [gone, work]) one.catch(() => {}); // the other one may have been first
  try {
    return await Promise.race([work, gone]);
  } finally {
    end.abort(); // a chip with its own USB goes away when it restarts
    if (!isGone) await inTime(loader.after("custom_reset", false, RESET));
    await inTime(isGone ? port.close() : transport.disconnect());
  }
}

async function written(loader, board, files, allow, report) {
  report("Connecting to", null);
  await connect(loader);
  if (loader.chip.CHIP_NAME !== board.chip)
    throw new Trouble(`This board has an ${loader.chip.CHIP_NAME}, the image is for an ${board.chip}: nothing was written.`);
  const mac = await told(async () => {
    if (await isLocked(loader))
      throw new Trouble("This chip encrypts its flash or is locked: MicroPython cannot run from it.");
    await loader.chip.postConnect?.(loader);
    await loader.runStub();
    await loader.changeBaud();
    await checkFlash(loader, board);
    return loader.chip.readMac(loader);
  });
  if (!(await allow(mac))) return null;
  await told(() => writeAll(loader, files, report));
  return mac;
}

async function connect(loader) {
  try {
    await loader.detectChip("default_reset", ATTEMPTS);
  } catch (error) {
    if (["NetworkError", "InvalidStateError"].includes(error.name))
      throw new Trouble(
        "The port cannot be opened: end the program that uses it, or another page. (On Linux, you must be in the group dialout.)",
      );
    if (/^Unexpected chip/i.test(error.message)) throw new Trouble(`No chip that esptool-js knows (${error.message})`);
    throw new Trouble(`The chip does not answer in its loader: ${HOLD_BOOT}.`);
  }
}

// Errors of esptool-js while it works, in our words.
async function told(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Trouble) throw error;
    if (error instanceof DOMException) throw new Trouble(UNPLUGGED);
    throw new Trouble(`Writing failed (${error.message.split("\n")[0]}): check the cable, then try again.`);
  }
}

// FLASH_CRYPT_CNT: an odd number of bits means encrypted (ESP32 Technical Reference Manual, "Flash Encryption").
async function isLocked(loader) {
  if (loader.secureDownloadMode) return true;
  const isOld = loader.chip.USES_MAGIC_VALUE;
  const count = isOld ? (await loader.chip.readEfuse(loader, 0)) >> 20 : (await loader.getSecurityInfo()).flashCryptCnt;
  return (count & 0x7f).toString(2).replaceAll("0", "").length % 2 === 1;
}

// MicroPython's file system is all that is left of the flash: an image fits one size only.
async function checkFlash(loader, board) {
  const wanted = `${board.flash_bytes >> 20}MB`;
  const found = await loader.detectFlashSize();
  if (found !== wanted)
    throw new Trouble(
      `This board has ${found ? `${found} of flash` : "no flash that answers"}, the image is for ${wanted}: nothing was written.`,
    );
}

async function writeAll(loader, files, report) {
  const total = files.reduce((sum, file) => sum + file.data.length, 0);
  let done = 0;
  for (const { offset, md5, data } of files) {
    for (let at = 0; at < data.length; at += PIECE) {
      const piece = data.subarray(at, at + PIECE);
      report("Writing", done / total);
      await writePiece(loader, offset + at, piece);
      done += piece.length;
    }
    report("Verifying", null);
    if ((await loader.flashMd5sum(offset, data.length)) !== md5)
      throw new Trouble("The flash of this board does not keep what is written to it: take another board.");
  }
}

// As `writeFlash` of esptool-js 0.7.0, which stops the page for 5 s in 2 MiB: it counts the bytes one by one.
async function writePiece(loader, offset, data) {
  const deflated = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(deflated).arrayBuffer());
  const limit_ms = loader.timeoutPerMb(loader.ERASE_WRITE_TIMEOUT_PER_MB, data.length);
  const block = loader.FLASH_WRITE_SIZE;
  await loader.flashDeflBegin(data.length, packed.length, offset);
  for (let at = 0; at < packed.length; at += block)
    await loader.flashDeflBlock(packed.subarray(at, at + block), at / block, limit_ms);
  await loader.flashDeflFinish(false, limit_ms); // the answer comes when all of it is in the flash
}

// Wait for work that may fail or never end because the cable is out.
function inTime(work) {
  return Promise.race([work.catch(() => {}), new Promise((end) => setTimeout(end, CLOSE_MS))]);
}
