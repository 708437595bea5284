// Refreshes a list of messages or log lines, until somebody presses Pause. Without this, a reload shows what is new.
"use strict";

const EVERY_LIST_MS = 2000;
const live = document.getElementById("live");
const pause = document.getElementById("pause");
const said = document.getElementById("live-said");
let isPaused = false;

const last = () => live.querySelector("[data-last]").dataset.last;

// What somebody marks with the mouse stays where it is.
const isMarking = () => {
  const marked = getSelection();
  return !marked.isCollapsed && live.contains(marked.anchorNode);
};

function tell(text) {
  if (said.textContent !== text) said.textContent = text;
}

function put(text) {
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  const parsed = new DOMParser().parseFromString(text, "text/html");
  live.replaceChildren(...parsed.body.childNodes);
  const again = focused && document.getElementById(focused);
  if (again) again.focus();
  else if (focused) pause.focus(); // that line has left the list
}

async function look() {
  let answer;
  try {
    answer = await fetch(live.dataset.list + "&after=" + last());
  } catch {
    tell("The twin does not answer; the list is as it was.");
    return;
  }
  if (answer.status === 401 || answer.status === 404) location.assign("/sign-in");
  if (answer.status === 200) {
    const text = await answer.text();
    if (!isPaused) put(text);
  }
  if (answer.ok && !isPaused) tell("New " + live.dataset.what + " appear by themselves.");
}

async function follow() {
  if (!document.hidden && !isPaused && !isMarking()) await look();
  setTimeout(follow, EVERY_LIST_MS);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  pause.setAttribute("aria-pressed", String(isPaused));
  tell(isPaused ? "Paused: the list stays as it is." : "New " + live.dataset.what + " appear by themselves.");
});
follow();
