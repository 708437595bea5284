// The page: which device is next, and what is going on.

import { flash, Trouble } from "./esp.js";
import * as memory from "./memory.js";

const find = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
let manifest, current;

const board = () => manifest.boards[current.board];

// What is to be seen

// One sentence of a kind: "good" (a board is written), "said" (nothing happened), "trouble".
function show(kind, text) {
  for (const id of ["good", "said", "trouble"]) find(id).textContent = id === kind ? text : "";
  find("trouble").hidden = kind !== "trouble";
}

function shown(entry) {
  if (!entry) return ["to-do", "to do"];
  return entry.isDone ? ["done", `written ${time.format(entry.at)}`] : ["working", "begun"];
}

function mark(element, device) {
  const [state, text] = shown(memory.of(device.name));
  element.className = `state ${state}`;
  element.textContent = text;
}

function line(device) {
  const [item, button, name, state] = ["li", "button", "span", "span"].map((tag) => document.createElement(tag));
  name.textContent = device.name;
  mark(state, device);
  button.append(name, state);
  if (device === current) button.setAttribute("aria-current", "true");
  button.onclick = () => {
    choose(device);
    show("said", "");
    find("device").scrollIntoView({ block: "nearest" });
  };
  item.append(button);
  return item;
}

function choose(device) {
  current = device;
  const { title, drive } = board();
  const bytes = device.files.reduce((sum, file) => sum + file.size, 0);
  const what = device.firmware ? `MicroPython ${device.firmware} and file system` : "file system only";
  find("device").textContent = device.name;
  mark(find("state"), device);
  find("facts").textContent = `${title} · ${what}, ${(bytes / 1e6).toFixed(1)} MB`;
  find("by-drive").hidden = !drive;
  find("by-port").hidden = Boolean(drive) || !navigator.serial;
  find("unable").hidden = Boolean(drive) || Boolean(navigator.serial);
  find("drive").textContent = drive ?? "";
  find("download").href = device.files[0].path;
  find("done").hidden = !drive || memory.of(device.name)?.isDone !== false;
  list();
}

function list() {
  const done = manifest.devices.filter((device) => memory.of(device.name)?.isDone);
  find("count").textContent = `${done.length} of ${manifest.devices.length} written`;
  const focused = [...find("devices").children].findIndex((item) => item.contains(document.activeElement));
  find("devices").replaceChildren(...manifest.devices.map(line));
  find("devices").children[focused]?.firstChild.focus();
}

// The next one that is not on a board yet.
function next(said) {
  const device = manifest.devices.find((one) => !memory.of(one.name)?.isDone);
  choose(device ?? current ?? manifest.devices[0]);
  show("good", device ? said : `${said} All devices are written: delete the folder.`);
}

function busy(isBusy) {
  find("work").hidden = !isBusy;
  for (const button of document.querySelectorAll("main button")) button.disabled = isBusy;
  window.onbeforeunload = isBusy ? (event) => event.preventDefault() : null;
}

function report(what, part) {
  const bar = find("bar");
  if (part === null) bar.removeAttribute("value");
  else bar.value = part;
  const percent = part === null ? " …" : `: ${Math.floor(part * 100)} %`;
  find("doing").textContent = `${what} ${current.name}${percent}`;
}

// Whether it may be written: a person is asked when there is a doubt.
function allowed(name, mac) {
  const doubt = memory.doubt(name, mac);
  if (!doubt) return true;
  find("question").textContent = doubt;
  find("ask").returnValue = "";
  find("ask").showModal();
  return new Promise((answer) => {
    find("ask").onclose = () => answer(find("ask").returnValue === "yes");
  });
}

// What is to be done

async function fetched(file) {
  const answer = await fetch(file.path, { cache: "no-store" });
  if (!answer.ok) throw new Trouble(`${file.path} cannot be read (${answer.status}): make the folder again.`);
  const data = new Uint8Array(await answer.arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const hex = [...digest].map((octet) => octet.toString(16).padStart(2, "0")).join("");
  if (hex !== file.sha256) throw new Trouble(`${file.path} is damaged: make the folder again.`);
  return { ...file, data };
}

async function write(port) {
  const { name, files } = current;
  const allow = async (mac) => {
    if (!(await allowed(name, mac))) return false;
    memory.put(name, mac, false);
    return true;
  };
  const mac = await flash(port, board(), await Promise.all(files.map(fetched)), allow, report);
  if (mac === null) return show("said", "Nothing was written.");
  memory.put(name, mac, true);
  next(`${name} is written and verified, and the board ${mac} restarts. Unplug it.`);
}

find("write").onclick = async () => {
  show("said", "");
  let port;
  try {
    port = await navigator.serial.requestPort();
  } catch (error) {
    if (error.name === "NotFoundError") return show("said", "No port was chosen: nothing was written.");
    return show("trouble", `The browser does not let this page use serial ports (${error.message}).`);
  }
  busy(true);
  try {
    await write(port);
  } catch (error) {
    const isOurs = error instanceof Trouble;
    show("trouble", isOurs ? error.message : `${current.name}: ${error.message}. Load the page again.`);
    choose(current);
  } finally {
    find("ask").close(); // the question is over, whatever ended this
    busy(false);
  }
};

find("download").onclick = async (event) => {
  const { name } = current;
  if (memory.doubt(name, null)) {
    event.preventDefault();
    if (!(await allowed(name, null))) return;
    memory.put(name, null, false);
    return find("download").click();
  }
  memory.put(name, null, false);
  choose(current);
};

find("done").onclick = () => {
  memory.put(current.name, null, true);
  next(`${current.name} is written.`);
};

find("leave").onclick = () => find("ask").close("no");
find("go-on").onclick = () => find("ask").close("yes");

const answer = await fetch("manifest.json", { cache: "no-store" });
manifest = await answer.json();
find("unable").textContent = window.isSecureContext
  ? "This browser has no Web Serial. Open this page in Chrome, Edge or Opera on a computer."
  : "Browsers allow Web Serial over https or on this computer only: `muster webflash --serve` serves this page so.";
find("not-started").hidden = true;
find("started").hidden = false;
next("");
