// The QR code of a claim ID: version 1 (21 x 21), alphanumeric, the strongest correction that has room
// (ten symbols: H, sixteen: Q). ISO/IEC 18004; a test compares it with another encoder.

const QR_SIZE = 21;
const QR_SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
// [symbols it holds, bytes of data, bits of the level in the format]
const QR_LEVELS = [[10, 9, 2], [16, 13, 3], [20, 16, 0], [25, 19, 1]];
const QR_MASK = 3; // (row + column) % 3; a reader takes any of the eight

function qrBits(text, bytes) {
  let bits = "0010" + text.length.toString(2).padStart(9, "0");
  for (let at = 0; at < text.length; at += 2) {
    const [a, b] = [QR_SYMBOLS.indexOf(text[at]), QR_SYMBOLS.indexOf(text[at + 1])];
    bits += at + 1 < text.length ? (a * 45 + b).toString(2).padStart(11, "0") : a.toString(2).padStart(6, "0");
  }
  bits = (bits + "0000").slice(0, bytes * 8);
  bits += "0".repeat(-bits.length & 7);
  for (let pad = 0xec; bits.length < bytes * 8; pad ^= 0xfd) bits += pad.toString(2).padStart(8, "0");
  return bits;
}

function qrWithCorrection(bits, count) {
  const times = (a, b) => {
    let product = 0;
    for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ (product >> 7) * 0x11d ^ (b >> bit & 1) * a;
    return product;
  };
  const generator = [1];
  for (let n = 0, root = 1; n < count; n++, root = times(root, 2)) {
    generator.push(0);
    for (let at = n + 1; at > 0; at--) generator[at] ^= times(generator[at - 1], root);
  }
  const rest = new Array(count).fill(0);
  for (let at = 0; at < bits.length; at += 8) {
    const factor = parseInt(bits.slice(at, at + 8), 2) ^ rest.shift();
    rest.push(0);
    rest.forEach((_, n) => { rest[n] ^= times(generator[n + 1], factor); });
  }
  return bits + rest.map((byte) => byte.toString(2).padStart(8, "0")).join("");
}

// Rows of cells: true (dark), false, or null where the data goes.
function qrFrame(level) {
  const cells = Array.from({ length: QR_SIZE }, () => new Array(QR_SIZE).fill(null));
  for (const [top, left] of [[0, 0], [0, 14], [14, 0]]) {
    for (let y = -1; y < 8; y++) {
      for (let x = -1; x < 8; x++) {
        const ring = Math.max(Math.abs(y - 3), Math.abs(x - 3));
        if (cells[top + y] && left + x >= 0 && left + x < QR_SIZE) cells[top + y][left + x] = ring != 2 && ring < 4;
      }
    }
  }
  for (let at = 8; at < 13; at++) cells[6][at] = cells[at][6] = at % 2 == 0;
  let format = (level << 3 | QR_MASK) << 10;
  for (let bit = 14, rest = format; bit >= 10; bit--) {
    if (rest >> bit & 1) rest ^= 0x537 << (bit - 10);
    if (bit == 10) format |= rest;
  }
  format ^= 0x5412;
  for (let bit = 0; bit < 15; bit++) {
    const dark = (format >> bit & 1) == 1;
    cells[bit < 6 ? bit : bit < 8 ? bit + 1 : QR_SIZE - 15 + bit][8] = dark;
    cells[8][bit < 8 ? QR_SIZE - 1 - bit : bit < 9 ? 7 : 14 - bit] = dark;
  }
  cells[13][8] = true;
  return cells;
}

function qrFill(cells, bits) {
  let at = 0;
  for (let right = QR_SIZE - 1; right > 0; right -= right == 8 ? 3 : 2) { // column 6 is the timing pattern
    const up = ((right + 1) & 2) == 0;
    for (let n = 0; n < QR_SIZE; n++) {
      for (const x of [right, right - 1]) {
        const y = up ? QR_SIZE - 1 - n : n;
        if (cells[y][x] === null) cells[y][x] = (bits[at++] == "1") != ((y + x) % 3 == 0);
      }
    }
  }
  return cells;
}

// The rows of cells of `text`, or null when it does not fit.
function qr(text) {
  const level = QR_LEVELS.find(([room]) => text.length <= room);
  if (!text || !level || [...text].some((symbol) => !QR_SYMBOLS.includes(symbol))) return null;
  return qrFill(qrFrame(level[2]), qrWithCorrection(qrBits(text, level[1]), 26 - level[1]));
}
