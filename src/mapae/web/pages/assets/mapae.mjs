// What a script can make nicer. Every page works without it.

for (const box of document.querySelectorAll(".secret")) {
  const input = box.querySelector("input");
  const toggle = document.createElement("button");
  toggle.type = "button";
  toggle.textContent = box.dataset.show;
  toggle.setAttribute("aria-controls", input.id);
  toggle.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    toggle.textContent = hidden ? box.dataset.hide : box.dataset.show;
  });
  box.append(toggle);
  box.classList.add("toggled");
  // A password left readable would be offered by the browser as an ordinary word of this form.
  input.form.addEventListener("submit", () => { input.type = "password"; });
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("aria-busy")) event.preventDefault();
    form.setAttribute("aria-busy", "true");
  });
}

// A page that comes back from the browser's memory is not busy any more.
addEventListener("pageshow", () => {
  for (const form of document.forms) form.removeAttribute("aria-busy");
});

for (const time of document.querySelectorAll("time[data-local]")) {
  const moment = new Date(time.dateTime);
  time.textContent = moment.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

// The waiting room: what is new is put into the page that is there, so that nothing jumps and a focus stays. A
// document by XMLHttpRequest needs no markup from a string, which Trusted Types forbid.
function looked(address) {
  return new Promise((tell) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 10_000;
    request.onloadend = () => tell(request);
    request.send();
  });
}

async function waitInLine(room) {
  const address = document.querySelector("main a.button").href;
  const live = () => document.querySelectorAll("main [data-live]");
  for (;;) {
    await new Promise((passed) => setTimeout(passed, room.dataset.again * 1000));
    const request = await looked(address);
    const fresh = request.response?.querySelector("[data-again]");
    const news = [...(fresh?.querySelectorAll("[data-live]") ?? [])];
    if (!request.status || request.status >= 500) continue; // no answer: the place is kept, so ask again later
    if (news.length === 0 || news.length !== live().length) return location.assign(address);
    room.dataset.again = fresh.dataset.again;
    live().forEach((each, at) => {
      if (each.textContent !== news[at].textContent) each.textContent = news[at].textContent;
      if (each.localName === "progress") Object.assign(each, { max: news[at].max, value: news[at].value });
    });
  }
}

const room = document.querySelector("[data-again]");
if (room) waitInLine(room);
