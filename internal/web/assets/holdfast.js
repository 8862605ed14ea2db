// Comfort for the pages; everything works without it. No data leaves this origin.
"use strict";

// The words come with the page, whose language everything here is written in.
const say = document.currentScript.dataset;
const spoken = document.documentElement.lang;
const language = navigator.languages.find((one) => one.startsWith(`${spoken}-`)) ?? spoken; // en-GB for en

// The end of a hold is shown in the reader's own time zone.
for (const time of document.querySelectorAll("time[data-local=date]")) {
  const at = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = at.toLocaleString(language, {
    weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });
}

// An instant is shown in the reader's own time too.
for (const time of document.querySelectorAll("time[data-local='']")) {
  const at = new Date(time.dateTime);
  if (at.getTimezoneOffset() === 0) continue;
  const local = document.createElement("span");
  const there = at.toLocaleString(language, { weekday: "short", hour: "2-digit", minute: "2-digit" });
  local.textContent = ` ${say.localTime.replace("{time}", () => there)}`;
  time.after(local);
}

// A form goes out once: a double click must not redeem a link or try a code twice.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

document.getElementById("trouble")?.focus();

// The wait until another code counts down. It counts from the load of the page, so
// that a wrong clock does not matter.
for (const wait of document.querySelectorAll("[data-wait]")) {
  const end = performance.now() + Number(wait.dataset.wait) * 1000;
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    wait.textContent = left > 0 ? say.waitIn.replace("{left}", () => clock) : say.waitNow;
    if (left > 0) setTimeout(tick, 1000);
  };
  tick();
}

// Where the browser can, it offers the code of a text message by itself (WebOTP).
const code = document.querySelector("[data-otp]");
if (code && "OTPCredential" in window) {
  const stop = new AbortController();
  code.form.addEventListener("submit", () => stop.abort());
  setTimeout(() => stop.abort(), Number(code.dataset.otp) * 1000);
  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal })
    .then((otp) => { if (otp && !code.value) code.value = otp.code; })
    .catch(() => {}); // refused, aborted or unsupported: the person types
}

// A password can be shown, and its strength is told while it is typed.
const strengths = say.strengths.split("|");
for (const field of document.querySelectorAll("[data-reveal]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.textContent = say.show;
  button.addEventListener("click", () => {
    const show = field.type === "password";
    field.type = show ? "text" : "password";
    button.textContent = show ? say.hide : say.show;
  });
  field.after(button);
  field.form.addEventListener("submit", () => { field.type = "password"; });
  if (field.dataset.check) judge(field, button);
}

function judge(field, after) {
  const verdict = document.createElement("div");
  verdict.className = "verdict";
  verdict.setAttribute("aria-live", "polite");
  after.after(verdict);
  let timer, running;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    running?.abort();
    if (!field.value) verdict.replaceChildren();
    else timer = setTimeout(ask, 400);
  });
  async function ask() {
    running = new AbortController();
    try {
      const answer = await fetch(field.dataset.check, {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ password: field.value }), signal: running.signal,
      });
      if (answer.ok) tell(verdict, await answer.json());
    } catch { /* no network: the verdict comes with the form */ }
  }
}

function tell(verdict, { score, acceptable, suggestions }) {
  const bars = document.createElement("div");
  bars.className = "strength";
  bars.dataset.score = score;
  bars.setAttribute("aria-hidden", "true");
  for (let i = 0; i < 4; i++) bars.append(document.createElement("span"));
  const lines = [(acceptable ? say.good : say.notYet).replace("{strength}", () => strengths[score]), ...suggestions].map((text) => {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  });
  verdict.replaceChildren(bars, ...lines);
}
