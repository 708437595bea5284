// Asks the board every few seconds and shows the answer. All text goes in as text, never as HTML.

const POLL_MS = 3000;
const AWAY_MOST_MS = 30000; // between two tries while the board does not answer
const PATIENCE_MS = 10000; // for one answer
const LOG_MOST = 300; // lines that are kept in the page

const WORDS = { done: "done", working: "in progress", waiting: "waiting", failed: "failed", off: "off" };
// What services and the application say of themselves, beside the words of the steps.
const ICONS = { running: "done", failing: "failed", stopped: "waiting" };
const STEPS = { network: "Network", time: "Clock", serialize: "Claim ID", provision: "Identity", mqtt: "Cloud", status: "Boot status" };

const $ = (id) => document.getElementById(id);
let token = remembered(); // for changes; the session itself is a cookie that scripts cannot read
let isInside = false;
let isSetup = false; // the board's own access point is open
let shown = {}; // what each list shows, as JSON
let failures = 0;
let heard = null; // Date of the last answer
let logNext = 0;
let timer = 0;
let round = null; // the one that runs, as a promise
let nextRound = null;

function remembered() {
  try {
    return sessionStorage.getItem("token") || "";
  } catch (error) { // storage is forbidden
    return "";
  }
}

function remember(value) {
  token = value;
  try {
    sessionStorage.setItem("token", value);
  } catch (error) { // then a reload asks for the password again
  }
}

// ---- The board's answers

class Refusal extends Error { // the board answered, and refused
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(path, body) {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const headers = body ? { "Content-Type": "application/json", "X-Muster-Token": token } : {};
    const answer = await fetch("/api/" + path, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body),
      cache: "no-store", credentials: "same-origin", signal: stop.signal,
    });
    const text = await answer.text();
    let value = {};
    try {
      value = text ? JSON.parse(text) : {};
    } catch (error) {
      if (answer.ok) throw error; // half an answer
    }
    if (answer.ok) return value;
    const wait = answer.headers.get("Retry-After");
    throw new Refusal(answer.status, (value.error || "The board answered with error " + answer.status) + (wait ? ". Try again in " + seconds(wait) : ""));
  } finally {
    clearTimeout(late);
  }
}

// What a person is told of an error of a request that they made.
const told = (error) => sentence(error instanceof Refusal ? error.message : "The board did not answer. Try again");

function sentence(text) {
  text = String(text).trim();
  if (/^[a-z]+\b(?![.\w/])/.test(text)) text = text.charAt(0).toUpperCase() + text.slice(1); // not "ento.conf is"
  return /[.!?]$/.test(text) ? text : text + ".";
}

// ---- Small parts

function make(tag, text, ...classes) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  node.classList.add(...classes);
  return node;
}

function drawing(tag, values, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in values) node.setAttribute(name, values[name]);
  node.append(...children);
  return node;
}

const icon = (name) => drawing("svg", { "aria-hidden": "true" }, drawing("use", { href: "#i-" + name }));

function state(name, words) {
  const kind = ICONS[name] || (WORDS[name] ? name : "off");
  const node = make("span", undefined, "state", kind);
  node.append(icon(kind), " " + (words || WORDS[name] || name));
  return node;
}

function put(id, text) {
  if ($(id).textContent != text) $(id).textContent = text;
}

// Fill a list anew, but only when it changed: what a person reads or has the focus on stays.
function list(id, values, row) {
  values = Array.isArray(values) ? values : [];
  const now = JSON.stringify(values);
  if (shown[id] === now) return;
  shown[id] = now;
  $(id).replaceChildren(...values.map((value) => {
    const item = make("li");
    item.append(...row(value));
    return item;
  }));
}

// [name, value] pairs; a value may be empty.
function facts(id, pairs) {
  const now = JSON.stringify(pairs);
  if (shown[id] === now) return;
  shown[id] = now;
  $(id).replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", name), make("dd", value || "none")]));
}

function seconds(count) {
  count = Math.max(0, Math.round(Number(count) || 0));
  if (count < 60) return count + " s";
  if (count < 3600) return Math.floor(count / 60) + " min";
  if (count < 172800) return Math.floor(count / 3600) + " h " + Math.floor(count % 3600 / 60) + " min";
  return Math.floor(count / 86400) + " days";
}

const size = (bytes) => bytes < 10240 ? (bytes || 0) + " bytes" : bytes < 10485760 ? Math.round(bytes / 1024) + " KB" : Math.round(bytes / 1048576) + " MB";
const date = (unix, style) => unix > 0 ? new Date(unix * 1000).toLocaleString([], style) : "";
const day = (unix) => date(unix, { dateStyle: "medium" });
const strength = (rssi) => (rssi >= -60 ? "strong" : rssi >= -70 ? "good" : rssi >= -80 ? "weak" : "very weak") + " (" + rssi + " dBm)";

// ---- What is shown to everyone

function show(value) {
  const part = (name) => value[name] || {};
  const [board, claim, session] = [part("board"), part("claim"), part("session")];
  const steps = Array.isArray(value.steps) ? value.steps : [];
  const problems = Array.isArray(value.problems) ? value.problems : [];
  put("name", board.serial || board.name || "Board");
  $("user").value = document.title = $("name").textContent;
  put("about", [board.kind, board.version && "Muster " + board.version, "on for " + seconds(board.up_s)].filter(Boolean).join(" · "));
  isSetup = Boolean(session.setup);
  overall(steps, problems);
  $("problems-card").hidden = !problems.length;
  list("problems", problems, (text) => [icon("failed"), make("span", sentence(text))]);
  showClaim(claim);
  list("steps", steps, (step) => [make("b", STEPS[step.name] || step.name), state(step.state), ...(step.text ? [make("p", step.text, "soft")] : [])]);
  showLogin(session);
  if (isInside) showInside(value, board);
  $("all").hidden = false;
}

function overall(steps, problems) {
  const of = (name) => steps.find((step) => step.state == name && step.name != "time"); // it works without the time
  const open = of("working") || of("waiting");
  const [kind, text] = isSetup ? ["waiting", "Set-up: this board needs a Wi-Fi"]
    : problems.length ? ["failed", problems.length + (problems.length > 1 ? " problems" : " problem") + ": see below"]
    : of("failed") ? ["failed", (STEPS[of("failed").name] || of("failed").name) + " failed; the board tries again"]
    : open ? [open.state, "On its way: " + (STEPS[open.name] || open.name).toLowerCase() + " " + WORDS[open.state]]
    : ["done", "All is well"];
  say(kind, text);
}

function say(kind, text) {
  if (shown.overall === kind + text) return;
  shown.overall = kind + text;
  $("overall").className = "state " + kind;
  $("overall").replaceChildren(icon(kind), " " + text);
}

function showClaim(claim) {
  put("claim-id", claim.id ? claim.shown || claim.id : "none yet");
  $("claim-id").classList.toggle("none", !claim.id);
  $("claim-id").classList.toggle("long", (claim.shown || "").length > 13);
  put("claim-text", !claim.id ? "The board makes or gets one soon after its start." : claim.claimed ? "This board has been claimed." : "Scan or type it where you claim the board.");
  showPoll(claim);
  if (shown.qr === claim.id) return;
  shown.qr = claim.id;
  const cells = qr(String(claim.id || ""));
  $("qr").replaceChildren();
  if (!cells) return;
  const path = cells.map((row, y) => row.map((dark, x) => (dark ? "M" + (x + 4) + " " + (y + 4) + "h1v1h-1z" : "")).join("")).join("");
  const picture = drawing("svg", { viewBox: "0 0 29 29", role: "img", "aria-label": "QR code of the claim ID", "shape-rendering": "crispEdges" }, drawing("path", { d: path }));
  $("qr").append(picture);
}

// What the board hears of its claim, when it has a builder to ask.
function showPoll(claim) {
  $("poll").hidden = claim.registered === undefined || Boolean(claim.claimed);
  put("poll-text", !claim.registered ? "The builder does not know this board yet." : "Registered; waits to be claimed. " + (claim.next_s >= 0 && claim.next_s !== null ? "Next poll in " + seconds(claim.next_s) + "." : "Polling now."));
  put("poll-error", claim.error ? "Last poll: " + sentence(claim.error) : "");
  $("poll-now").hidden = !claim.registered;
}

function showLogin(session) {
  isInside = Boolean(session.logged_in && token);
  $("login-card").hidden = isInside;
  $("inside").hidden = !isInside;
  if (isSetup && $("all").firstElementChild != $("login-card")) $("all").prepend($("login-card")); // it comes first
  $("login").hidden = session.has_password === false;
  put("login-text", session.has_password === false
    ? "Nothing can be changed here, because this board has no password. Give it one when you build its image: muster image --web-password-file FILE."
    : isSetup
      ? "To choose the Wi-Fi of this board, log in with the password that came with it."
      : "To see more, or to change the Wi-Fi, restart or release the board.");
}

// ---- What is shown after the log-in

function showInside(value, board) {
  const network = value.network || {};
  const memory = value.memory || {};
  put("network-fact", network.access_point ? "its own access point" : network.ssid || "not joined");
  facts("network", [["Wi-Fi", network.ssid], ["Address", network.address], ...(network.ssid && network.rssi ? [["Signal", strength(network.rssi)]] : []), ["Access point", network.access_point ? "open, for the set-up" : "off"]]);
  list("known", network.known, known);
  showIdentity(value.identity || {}, board.unix);
  put("memory-fact", size(memory.free) + " free");
  facts("memory", [["Free memory", size(memory.free)], ...(memory.largest ? [["Largest block", size(memory.largest)]] : []), ["Free flash", size(memory.flash_free) + (memory.flash_size ? " of " + size(memory.flash_size) : "")], ...Object.entries(memory.tables || {}).map(([name, count]) => ["Table " + name, count + (count == 1 ? " document" : " documents")])]);
  showServices(Array.isArray(value.services) ? value.services : []);
  const app = value.app || {};
  const isOn = app.state && app.state != "off" && app.state != "done";
  put("app-fact", isOn ? app.state : "none");
  put("app-text", isOn ? "The application is " + app.state + "." : "No application runs on this board.");
  $("app-error").hidden = $("app-error-title").hidden = !app.error;
  put("app-error", app.error || "");
  const starts = Array.isArray(value.restarts) ? value.restarts : [];
  put("restart-fact", "on for " + seconds(board.up_s));
  $("restarts-title").hidden = !starts.length;
  list("restarts", starts, (start) => [make("b", start.cause || "unknown"), make("span", date(start.unix, { dateStyle: "medium", timeStyle: "short" }) || "time unknown", "soft"), ...(start.text ? [make("p", start.text, "soft")] : [])]);
  put("confirm-name", board.serial || "");
  $("release").hidden = !board.serial; // without ento.conf
}

function showIdentity(identity, now) {
  const until = identity.until - (now > 0 ? now : Date.now() / 1000);
  put("identity-fact", !identity.thing ? "none yet" : !identity.until ? identity.thing : until < 0 ? "expired" : "valid until " + day(identity.until));
  facts("identity", [["Thing", identity.thing], ["Endpoint", identity.endpoint], ["Certificate", identity.certificate], ["Subject", identity.subject], ["Valid from", day(identity.from)], ["Valid until", day(identity.until)], ["Days left", identity.until && until > 0 ? Math.floor(until / 86400) + "" : ""], ["Renewed on", day(identity.renews)], ["Private key", "stays on the board; never shown"]]);
}

function showServices(services) {
  const bad = services.filter((service) => service.state == "failing").length;
  put("services-fact", bad ? bad + " failing" : "all well");
  list("services", services, (service) => [
    make("b", service.name),
    service.built === false ? state("off", "not built in") : service.wanted === false ? state("off", "switched off") : state(service.state),
    ...(service.text ? [make("p", service.text, "soft")] : []),
  ]);
}

function known(ssid) {
  const forget = make("button", "Forget", "quiet");
  const end = make("span", undefined, "ask");
  forget.setAttribute("aria-label", "Forget " + ssid);
  forget.onclick = () => { // asks once more, in its place
    const [yes, no] = [make("button", "Forget it", "danger"), make("button", "Keep", "quiet")];
    yes.onclick = () => act(yes, "known-said", "wifi/forget", { ssid }, () => ssid + " is forgotten.");
    no.onclick = () => { end.replaceChildren(forget); forget.focus(); };
    for (const button of [yes, no]) button.setAttribute("aria-label", button.textContent + ": " + ssid);
    end.replaceChildren(yes, no);
    yes.focus();
  };
  end.append(forget);
  return [make("b", ssid), end];
}

async function showLog() {
  const answer = await ask("log?after=" + logNext);
  const lines = Array.isArray(answer.lines) ? answer.lines : [];
  const log = $("log");
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  if (answer.next < logNext) { // the board has restarted and counts anew
    logNext = 0;
    log.replaceChildren();
    return showLog();
  }
  for (const [, level, source, text, ms] of lines) {
    const item = make("li", undefined);
    const isBad = /^(warn|err|crit)/i.test(level);
    item.append(make("time", (ms / 1000).toFixed(1) + " s"), " ");
    if (isBad) item.append(state("failed", level == "warn" ? "warning" : level), " ");
    item.append(make("b", source), " " + text);
    log.append(item);
  }
  while (log.children.length > LOG_MOST) log.firstChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
  logNext = answer.next || 0;
  return put("log-fact", log.children.length + " lines");
}

// ---- Asking again and again

// Ask now; after the round that runs, if one does: the board gets one request at a time.
function poll() {
  if (!round) return (round = oneRound().finally(() => { round = null; }));
  nextRound = nextRound || round.then(() => { nextRound = null; return poll(); });
  return nextRound;
}

async function oneRound() {
  clearTimeout(timer);
  try {
    await update();
    failures = 0;
    heard = new Date();
  } catch (error) {
    failures += 1;
  }
  const wait = failures ? Math.min(AWAY_MOST_MS, POLL_MS * 2 ** (failures - 1)) : POLL_MS;
  showAway(wait);
  if (!document.hidden) timer = setTimeout(poll, wait);
}

async function update() {
  let value;
  try {
    value = await ask(token ? "status" : "claim");
  } catch (error) {
    if (!(error instanceof Refusal) || error.status != 401) throw error;
    if (isInside) put("login-said", "You were logged out, or the board has restarted. Log in again.");
    leave();
    value = await ask("claim");
  }
  show(value);
  if (isInside && $("log-card").open) await showLog();
}

function showAway(wait) {
  const isAway = failures > 0;
  $("away").hidden = !isAway;
  if (!isAway) return;
  say("failed", "No answer");
  put("away-text", "The board does not answer. " + (heard ? "Below is what it said at " + heard.toLocaleTimeString() + "." : "Is it on, and is your phone on the same network?"));
  put("away-next", "The next try is in " + seconds(wait / 1000) + ".");
}

function leave() {
  remember("");
  isInside = false;
  logNext = 0;
  shown = { overall: shown.overall, qr: shown.qr, steps: shown.steps, problems: shown.problems };
  for (const id of ["network", "known", "found", "identity", "memory", "services", "restarts", "log", "app-error"]) $(id).replaceChildren();
}

// ---- What a person does

// One request that a button starts; its result is said in the line `said`.
async function act(button, said, path, body, done) {
  if (button.getAttribute("aria-disabled") == "true") return undefined;
  button.setAttribute("aria-disabled", "true"); // keeps the focus, which `disabled` would lose
  put(said, "");
  let value;
  try {
    value = await ask(path, body);
    put(said, done(value) || "");
  } catch (error) {
    if (error.status == 401) leave();
    put(said, told(error));
  }
  button.removeAttribute("aria-disabled");
  await poll();
  return value;
}

function on(form, work) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    work($(form).querySelector("button:not([type])"));
  });
}

on("login", async (button) => {
  const value = await act(button, "login-said", "login", { password: $("password").value }, (answer) => { remember(answer.token || ""); });
  if (!value) return $("password").focus();
  $("password").value = "";
  $("network-card").querySelector("summary").focus();
});

on("wifi", (button) => {
  const [ssid, password] = [$("ssid").value, $("wifi-password").value];
  if (password && password.length < 8) return put("wifi-said", "A Wi-Fi password has at least 8 characters.");
  return act(button, "wifi-said", "wifi", { ssid, password }, () => {
    $("wifi").reset();
    return isSetup
      ? "Saved. The board leaves its own network and joins " + ssid + ". Join " + ssid + " too, and open the page at the board's new address."
      : "Saved. The board joins " + ssid + " when it next looks for a network, at the latest after a restart.";
  });
});

on("release", (button) => {
  const confirm = $("confirm").value;
  if (confirm != $("confirm-name").textContent) return put("release-said", "That is not the name of this board. Nothing was changed.");
  return act(button, "release-said", "release", { confirm }, () => "Released. The board restarts without its identity.");
});

$("restart").onclick = (event) => act(event.target, "restart-said", "restart", {}, () => "The board restarts. This page goes on as soon as it answers.");
$("logout").onclick = (event) => act(event.target, "login-said", "logout", {}, () => { leave(); return "You are logged out."; });
$("poll-now").onclick = (event) => act(event.target, "poll-said", "poll", {}, () => "The board asks its builder.");
$("away-now").onclick = () => poll();
$("log-card").ontoggle = () => { if ($("log-card").open) poll(); };

$("scan").onclick = async (event) => {
  put("scan-said", "Searching ...");
  const button = event.target;
  if (button.getAttribute("aria-disabled") == "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    showFound((await ask("networks")).networks);
  } catch (error) {
    put("scan-said", told(error));
  }
  button.removeAttribute("aria-disabled");
};

function showFound(networks) {
  const best = {};
  for (const one of Array.isArray(networks) ? networks : []) {
    if (one.ssid && !(best["=" + one.ssid] && best["=" + one.ssid].rssi >= one.rssi)) best["=" + one.ssid] = one;
  }
  const found = Object.values(best).sort((a, b) => b.rssi - a.rssi);
  put("scan-said", found.length ? found.length + (found.length > 1 ? " networks found. Choose one." : " network found. Choose it.") : "No network was found.");
  list("found", found, (one) => {
    const button = make("button", undefined, "quiet");
    button.type = "button";
    button.append(make("span", one.ssid), make("span", (one.open ? "no password" : "password") + ", " + strength(one.rssi)));
    button.onclick = () => {
      $("ssid").value = one.ssid;
      $(one.open ? "ssid" : "wifi-password").focus();
    };
    return [button];
  });
}

for (const button of document.querySelectorAll("[data-show]")) {
  button.onclick = () => {
    const field = $(button.dataset.show);
    const isShown = field.type == "text";
    field.type = isShown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!isShown));
  };
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
poll();
