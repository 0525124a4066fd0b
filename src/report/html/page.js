(() => {
  const { $, make, since, minutesSince, tellAge, addCopyButtons, copyButton } = common;
  const table = document.querySelector(".students table");
  let rows = [];

  // Unfolding in place: the name becomes a button, and a click anywhere in the row does the same. What unfolds is markup
  // for browsers without JavaScript. Here it stays text until it is needed: five hundred students would be a hundred
  // thousand elements.
  const fill = (unfolded) => {
    const waiting = unfolded.querySelector("noscript");
    if (!waiting) return;
    const markup = make("template", { innerHTML: waiting.textContent });
    waiting.replaceWith(markup.content);
  };
  const unfold = (row, open) => {
    if (open) fill(row.unfold);
    row.unfold.hidden = !open;
    row.unfold.querySelector("details").open = open;
    row.button.setAttribute("aria-expanded", String(open));
    row.body.classList.toggle("open", open);
    if (open) addCopyButtons(row.unfold);
  };
  const sourceOf = (body) => body.querySelector(".row").outerHTML + body.querySelector("noscript").textContent;
  const adopt = (body, index) => {
    const row = {
      ...body.dataset,
      body,
      index,
      // The source before this script changes it, to see later whether it changed.
      source: document.body.dataset.live ? sourceOf(body) : "",
      unfold: body.querySelector(".unfold"),
      done: Number(body.dataset.done),
      points: Number(body.dataset.points),
      // The most urgent is 0.
      rank: "stuck" in body.dataset ? Number(body.dataset.stuck) : Infinity,
      open: new Set(body.dataset.open.split(" ")),
      text: [body.dataset.username, body.dataset.name, body.dataset.section, body.dataset.place].join(" ").toLowerCase(),
    };
    const user = body.querySelector(".user");
    row.button = make("button", { type: "button", className: "user", textContent: user.textContent });
    row.button.setAttribute("aria-expanded", "false");
    row.button.setAttribute("aria-controls", `d-${row.username}`);
    user.replaceWith(row.button);
    row.unfold.hidden = true;
    body.querySelector(".row").addEventListener("click", (event) => {
      // Selecting text in a row is not a click.
      if (!event.target.closest("a") && getSelection().isCollapsed) unfold(row, row.unfold.hidden);
    });
    return row;
  };
  // How long ago each was seen. Never before a row is adopted: its source has the time itself.
  const tellSeen = () => {
    for (const time of table.querySelectorAll(".ago")) {
      const minutes = minutesSince(time);
      if (Number.isNaN(minutes)) continue;
      time.title ||= time.textContent;
      time.textContent = minutes < 1 ? "just now" : minutes < 120 ? `${minutes} min ago` : `${since(minutes)} ago`;
    }
  };
  const follow = () => {
    const row = rows.find((r) => `#${r.body.id}` === location.hash);
    if (!row) return;
    if (row.body.hidden) reset();
    unfold(row, true);
    row.body.scrollIntoView({ block: "start" });
  };

  // Filter and sort.
  const fields = ["text", "state", "section", "place", "check"].map((name) => $(`f-${name}`)).filter(Boolean);
  const value = (name) => ($(`f-${name}`) ? $(`f-${name}`).value : "");
  const filter = () => {
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    const [state, section, place, check] = [value("state"), value("section"), value("place"), value("check")];
    let shown = 0;
    for (const row of rows) {
      const match = (!state || (state === "stuck" ? row.rank < Infinity : row.state === state)) && (!section || row.section === section)
        && (!place || row.place === place) && (!check || row.open.has(check)) && words.every((word) => row.text.includes(word));
      row.body.hidden = !match;
      shown += match;
    }
    remember();
    $("f-count").textContent = shown === rows.length ? `${shown} students` : `${shown} of ${rows.length} shown`;
    $("f-reset").hidden = !fields.some((field) => field.value);
    $("nobody").hidden = shown > 0;
    for (const card of document.querySelectorAll(".card")) {
      card.querySelector("button").setAttribute("aria-pressed", String(card.dataset.state === state));
    }
    for (const task of document.querySelectorAll(".tasks li")) task.classList.toggle("picked", task.dataset.check === check);
  };
  // A reload keeps what was chosen, where the browser lets a page remember anything. A live page has the same host and
  // port the next time, and keeps it until then: without what was typed, which may be a name.
  const live = "live" in document.body.dataset;
  const memory = live ? "homeroom" : `homeroom ${location.pathname}`;
  const keep = (store, chosen) => {
    try { window[store].setItem(memory, JSON.stringify(Object.fromEntries(chosen))); } catch { /* It may not. */ }
  };
  const kept = (store) => {
    try { return JSON.parse(window[store].getItem(memory)) ?? {}; } catch { return {}; }
  };
  const remember = () => {
    const chosen = [...fields, $("f-sort")].map((field) => [field.id, field.value]);
    keep("sessionStorage", chosen);
    if (live) keep("localStorage", chosen.filter(([id]) => id !== "f-text"));
  };
  const recall = () => {
    const chosen = live ? { ...kept("localStorage"), ...kept("sessionStorage") } : kept("sessionStorage");
    for (const field of [...fields, $("f-sort")]) {
      if (!(field.id in chosen)) continue;
      const before = field.value;
      field.value = chosen[field.id];
      // What is no longer there to be chosen leaves a list without a choice.
      if (field.selectedIndex === -1) field.value = before;
    }
  };
  const reset = () => { for (const field of fields) field.value = ""; filter(); };
  const natural = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const urgency = ["broken", "not-deployed", "unknown", "not-started", "in-progress", "complete"];
  const states = [...document.querySelectorAll("#f-state option")].map((option) => option.value);
  const orders = {
    roster: () => 0,
    attention: (a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank) || urgency.indexOf(a.state) - urgency.indexOf(b.state),
    least: (a, b) => a.done - b.done || a.points - b.points,
    most: (a, b) => b.done - a.done || b.points - a.points,
    username: (a, b) => natural.compare(a.username, b.username),
    section: (a, b) => natural.compare(a.section || "\uffff", b.section || "\uffff"),
    state: (a, b) => states.indexOf(a.state) - states.indexOf(b.state),
    name: (a, b) => natural.compare(a.name || "\uffff", b.name || "\uffff"),
  };
  const sort = () => {
    remember();
    const order = orders[value("sort")] || orders.roster;
    // An element that is moved loses the focus.
    const focused = document.activeElement;
    table.append(...[...rows].sort((a, b) => order(a, b) || a.index - b.index).map((row) => row.body));
    if (focused !== document.activeElement) focused.focus({ preventScroll: true });
  };

  // The counts of the headline and the tasks are filters too.
  const pick = (field, wanted) => {
    field.value = field.value === wanted ? "" : wanted;
    filter();
    if (field.value) $("students").scrollIntoView({ behavior: "smooth", block: "start" });
  };
  const overview = () => {
    for (const command of document.querySelectorAll(".proposes > code")) {
      if (!command.nextElementSibling?.matches(".copy")) command.after(copyButton(command));
    }
    for (const card of document.querySelectorAll(".card")) {
      const button = make("button", { type: "button" });
      button.append(...card.childNodes);
      card.replaceChildren(button);
      card.hidden = false;
      button.addEventListener("click", () => pick($("f-state"), card.dataset.state));
    }
    for (const task of document.querySelectorAll(".tasks li")) {
      const count = task.querySelector(".count:not(.muted)");
      if (!count) continue;
      const button = make("button", { type: "button", className: "count", title: "Show who has not done it" });
      button.append(...count.childNodes);
      count.replaceWith(button);
      button.addEventListener("click", () => pick($("f-check"), task.dataset.check));
    }
  };
  rows = [...table.tBodies].map(adopt);
  tellSeen();
  setInterval(tellSeen, 30000);
  overview();
  for (const field of fields) field.addEventListener("input", filter);
  $("f-sort").addEventListener("input", sort);
  $("f-reset").addEventListener("click", reset);
  document.querySelector(".tools").hidden = false;
  // Paper unfolds nothing, and does not say when it was printed.
  addEventListener("afterprint", tellSeen);
  addEventListener("beforeprint", () => {
    for (const time of table.querySelectorAll(".ago[title]")) time.textContent = time.title;
    for (const folded of document.querySelectorAll("#overview details:not([open])")) {
      folded.open = true;
      addEventListener("afterprint", () => { folded.open = false; }, { once: true });
    }
  });
  addEventListener("hashchange", follow);
  recall();
  // Sorting takes time, so only where it is needed.
  if (value("sort") !== "roster") sort();
  filter();
  follow();

  // A live page renews itself in place: a row that did not change keeps its state, unfolded or focused.
  if (!document.body.dataset.live) return;
  const renew = async () => {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return;
    // This parser has no JavaScript, so it would parse what is in a noscript. Escaped, that stays text.
    const text = (await answer.text()).replace(/<noscript>([^]*?)<\/noscript>/g,
      (_, markup) => `<noscript>${markup.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</noscript>`);
    const next = new DOMParser().parseFromString(text, "text/html");
    for (const id of ["top", "overview", "below"]) {
      $(id).replaceWith(document.importNode(next.getElementById(id), true));
    }
    document.title = next.title;
    const known = new Map(rows.map((row) => [row.body.id, row]));
    const bodies = [...next.querySelector(".students table").tBodies];
    rows = bodies.map((body, index) => {
      const old = known.get(body.id);
      known.delete(body.id);
      if (old && old.source === sourceOf(body)) return Object.assign(old, { index });
      const fresh = document.importNode(body, true);
      const focused = old && old.body.contains(document.activeElement);
      if (old) old.body.replaceWith(fresh);
      const row = adopt(fresh, index);
      if (old && !old.unfold.hidden) unfold(row, true);
      if (focused) row.button.focus();
      return row;
    });
    for (const gone of known.values()) gone.body.remove();
    overview();
    sort();
    filter();
    tellAge();
    tellSeen();
  };
  const say = (text) => { $("live").textContent = text; };
  // To the second, in the report's own zone, so that a new reading is visible.
  const clock = () => document.querySelector(".taken time").dateTime.slice(11, 19);
  const source = new EventSource("events");
  let failures = 0;
  source.addEventListener("open", () => { failures = 0; });
  source.addEventListener("reading", () => say(`Live · read at ${clock()} · reading again …`));
  source.addEventListener("read", async () => {
    await renew();
    say(`Live · read at ${clock()} · read again every ${document.body.dataset.live} seconds`);
  });
  source.addEventListener("failed", (event) => say(`Could not be read: ${event.data}. The page shows what was read at ${clock()}.`));
  source.addEventListener("error", () => {
    // Who listens at the port of a watch that has ended is a stranger.
    if (++failures >= 3) source.close();
    say(`homeroom has stopped. The page shows what was read at ${clock()}. The next watch has another address.`);
  });
})();
