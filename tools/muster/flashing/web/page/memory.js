// Which device was written onto which board, kept in this browser for this address.

const KEY = "muster.webflash";

function all() {
  try {
    return { ...JSON.parse(localStorage.getItem(KEY)) };
  } catch {
    return {}; // somebody has spoilt it
  }
}

// {board: its MAC or null, isDone, at: ms since 1970}, or undefined when nothing of the device is on a board.
export function of(device) {
  return all()[device];
}

export function put(device, board, isDone) {
  const known = all();
  // A board is one device: what it was before is overwritten.
  for (const [name, entry] of Object.entries(known)) if (board && entry?.board === board) delete known[name];
  known[device] = { board, isDone, at: Date.now() };
  localStorage.setItem(KEY, JSON.stringify(known));
}

// Why somebody should be asked before `device` goes onto `board` (null: not known which); null when all is well.
export function doubt(device, board) {
  const known = all();
  const before = known[device];
  const other = Object.keys(known).find((name) => name !== device && board && known[name]?.board === board);
  if (before && before.board !== board)
    return `${device} is on the board ${before.board}${before.isDone ? "" : ", at least in part"}. Two boards with one identity lock each other out.`;
  if (before?.isDone)
    return board === null
      ? `${device} was written before. Two boards with one identity lock each other out.`
      : `This board is ${device} already. Written again, it loses its key and asks for a new certificate.`;
  if (other) return `This board is ${other}. It would become ${device}, and the identity of ${other} would be lost.`;
  return null;
}
