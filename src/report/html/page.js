"use strict";
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const make = (tag, props) => Object.assign(document.createElement(tag), props);

  // Light or dark: the system's choice, unless the address (?theme=dark) or the button says otherwise.
  const asked = new URLSearchParams(location.search).get("theme");
  if (asked === "dark" || asked === "light") root.dataset.theme = asked;
  $("theme").hidden = false;
  $("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // How old the reading is.
  const taken = Date.parse(document.querySelector(".taken time").dateTime);
  const tell = () => {
    const minutes = Math.round((Date.now() - taken) / 60000);
    const [n, unit] =
      minutes < 120 ? [minutes, "minute"]
      : minutes < 2880 ? [Math.round(minutes / 60), "hour"]
      : [Math.round(minutes / 1440), "day"];
    $("age").textContent = minutes < 1 ? ", just now" : `, ${n} ${unit}${n === 1 ? "" : "s"} ago`;
    $("age").classList.toggle("old", minutes >= 60);
  };
  if (!Number.isNaN(taken)) { tell(); setInterval(tell, 30000); }

  const table = document.querySelector(".students table");
  const rows = [...table.tBodies].map((body, index) => ({
    ...body.dataset,
    body,
    index,
    unfold: body.querySelector(".unfold"),
    done: Number(body.dataset.done),
    open: new Set(body.dataset.open.split(" ")),
    text: [body.dataset.username, body.dataset.name, body.dataset.section].join(" ").toLowerCase(),
  }));

  // Unfolding in place: the name becomes a button, the row a bigger one.
  const unfold = (row, open) => {
    row.unfold.hidden = !open;
    row.unfold.querySelector("details").open = open;
    row.button.setAttribute("aria-expanded", String(open));
    row.body.classList.toggle("open", open);
    if (open) addCopyButtons(row.unfold);
  };
  const addCopyButtons = (where) => {
    for (const value of where.querySelectorAll(".outputs dd > a, .outputs dd > code")) {
      if (value.nextSibling) continue;
      const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(value.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(value);
          button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
      value.after(button);
    }
  };
  for (const row of rows) {
    const user = row.body.querySelector(".user");
    row.button = make("button", { type: "button", className: "user", textContent: user.textContent });
    row.button.setAttribute("aria-expanded", "false");
    row.button.setAttribute("aria-controls", `d-${row.username}`);
    user.replaceWith(row.button);
    row.unfold.hidden = true;
    row.body.querySelector(".row").addEventListener("click", (event) => {
      // Selecting text in a row is no click on it.
      if (!event.target.closest("a") && getSelection().isCollapsed) unfold(row, row.unfold.hidden);
    });
  }
  const follow = () => {
    const row = rows.find((r) => `#${r.body.id}` === location.hash);
    if (!row) return;
    if (row.body.hidden) reset();
    unfold(row, true);
    row.body.scrollIntoView({ block: "start" });
  };

  // Filter and sort.
  const fields = ["text", "state", "section", "check"].map((name) => $(`f-${name}`)).filter(Boolean);
  const value = (name) => ($(`f-${name}`) ? $(`f-${name}`).value : "");
  const cards = [...document.querySelectorAll(".card")];
  const tasks = [...document.querySelectorAll(".tasks li")];
  const filter = () => {
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    const [state, section, check] = [value("state"), value("section"), value("check")];
    let shown = 0;
    for (const row of rows) {
      const match = (!state || row.state === state) && (!section || row.section === section)
        && (!check || row.open.has(check)) && words.every((word) => row.text.includes(word));
      row.body.hidden = !match;
      shown += match;
    }
    $("f-count").textContent = shown === rows.length ? `${shown} students` : `${shown} of ${rows.length} shown`;
    $("f-reset").hidden = !fields.some((field) => field.value);
    $("nobody").hidden = shown > 0;
    for (const card of cards) card.firstChild.setAttribute("aria-pressed", String(card.dataset.state === state));
    for (const task of tasks) task.classList.toggle("picked", task.dataset.check === check);
  };
  const reset = () => { for (const field of fields) field.value = ""; filter(); };
  const natural = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const urgency = ["broken", "unknown", "not-started", "in-progress", "complete"];
  const orders = {
    roster: () => 0,
    attention: (a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state),
    least: (a, b) => a.done - b.done,
    most: (a, b) => b.done - a.done,
    username: (a, b) => natural.compare(a.username, b.username),
    name: (a, b) => natural.compare(a.name || "\uffff", b.name || "\uffff"),
  };
  const sort = () => {
    const order = orders[value("sort")] || orders.roster;
    table.append(...[...rows].sort((a, b) => order(a, b) || a.index - b.index).map((row) => row.body));
  };

  // The cards and the tasks are filters too.
  const pick = (field, wanted) => {
    field.value = field.value === wanted ? "" : wanted;
    filter();
    if (field.value) $("students").scrollIntoView({ behavior: "smooth", block: "start" });
  };
  for (const card of cards) {
    const button = make("button", { type: "button" });
    button.append(...card.childNodes);
    card.replaceChildren(button);
    button.addEventListener("click", () => pick($("f-state"), card.dataset.state));
  }
  for (const task of tasks) {
    const count = task.querySelector(".count:not(.muted)");
    if (!count) continue;
    const button = make("button", { type: "button", className: "count", title: "Show who has not done it" });
    button.append(...count.childNodes);
    count.replaceWith(button);
    button.addEventListener("click", () => pick($("f-check"), task.dataset.check));
  }
  for (const field of fields) field.addEventListener("input", filter);
  $("f-sort").addEventListener("input", sort);
  $("f-reset").addEventListener("click", reset);
  document.querySelector(".tools").hidden = false;
  root.classList.add("js");
  addEventListener("hashchange", follow);
  // A reloading browser fills the fields in again.
  sort();
  filter();
  follow();
})();
