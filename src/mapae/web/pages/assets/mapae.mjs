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
