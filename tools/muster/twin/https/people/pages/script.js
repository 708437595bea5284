// What the page can do beyond forms: scan a label, and show how boards get on. Without this, it works all the same.
"use strict";

const $ = (id) => document.getElementById(id);
const EVERY_MS = 5000;
const LOOK_MS = 200;

// A label's QR code holds the claim ID, alone or in an address.
function codeIn(text) {
  const found = text.toUpperCase().match(/(^|[^0-9A-Z])([0-9A-Z]{10}|[0-9A-Z]{16}|[0-9A-Z]{5}-[0-9A-Z]{5}|[0-9A-Z]{4}(-[0-9A-Z]{4}){3})(-?[0-9A-Z*~$=])?(?![0-9A-Z])/);
  return found ? found[2] + (found[4] || "") : "";
}

async function scan() {
  const dialog = $("camera"), video = $("video");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    $("scan-said").textContent = "The camera cannot be used (" + error.name + "): type the claim ID.";
    return;
  }
  video.srcObject = stream;
  dialog.showModal();
  const end = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.addEventListener("close", () => stream.getTracks().forEach((track) => track.stop()), { once: true });
  video.play().catch(() => {});
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  while (dialog.open) {
    const seen = video.readyState >= 2 ? await detector.detect(video).catch(() => []) : [];
    const code = seen.map((one) => codeIn(one.rawValue)).find(Boolean);
    if (code) {
      $("claim").value = code;
      $("scan-said").textContent = "Scanned " + code + ". Check it, then claim it.";
      dialog.close();
      $("claim").focus();
      return;
    }
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
  }
}

const states = () =>
  new Map([...document.querySelectorAll("#boards article")].map((one) => [one.querySelector(".code").textContent, one.querySelector(".state").textContent]));

// Replaces the list; keeps the focus, and tells a screen reader what has changed.
async function refresh() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch("/boards", { headers: { Accept: "text/html" } });
  } catch {
    return; // the twin is off: the list stays
  }
  if (answer.status === 401) location.assign("/sign-in");
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === refresh.last) return;
  refresh.last = text;
  const before = states(), focused = document.activeElement && document.activeElement.id;
  const parsed = new DOMParser().parseFromString(text, "text/html");
  $("boards").replaceChildren(...parsed.body.childNodes);
  if (focused && $("boards").contains($(focused))) $(focused).focus();
  const told = [...states()].filter(([code, state]) => before.get(code) !== state);
  if (told.length) $("said").textContent = told.map(([code, state]) => code + ": " + state).join(". ");
}

if ($("scan") && "BarcodeDetector" in window && navigator.mediaDevices) {
  $("scan").hidden = false;
  $("scan").addEventListener("click", scan);
  $("camera-close").addEventListener("click", () => $("camera").close());
}
if ($("boards")) setInterval(refresh, EVERY_MS);
