"use strict";
// For every page: light or dark, the age of the reading, buttons that copy.
const common = (() => {
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

  // How long ago something was: 12 minutes.
  const since = (minutes) => {
    const [n, unit] =
      minutes < 120 ? [minutes, "minute"]
      : minutes < 2880 ? [Math.round(minutes / 60), "hour"]
      : [Math.round(minutes / 1440), "day"];
    return `${n} ${unit}${n === 1 ? "" : "s"}`;
  };
  const minutesSince = (time) => Math.round((Date.now() - Date.parse(time.dateTime)) / 60000);
  const tellAge = () => {
    if (!$("age")) return;
    const minutes = minutesSince(document.querySelector(".taken time"));
    if (Number.isNaN(minutes)) return;
    $("age").textContent = minutes < 1 ? ", just now" : `, ${since(minutes)} ago`;
    $("age").classList.toggle("old", minutes >= 60);
  };
  tellAge();
  setInterval(tellAge, 30000);

  const copyButton = (value) => {
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
    return button;
  };
  const addCopyButtons = (where) => {
    if (where.querySelector(".copy")) return;
    for (const value of where.querySelectorAll(".outputs dd > a, .outputs dd > code")) value.after(copyButton(value));
    for (const title of where.querySelectorAll(".copyable")) title.append(copyButton(title.nextElementSibling));
  };
  root.classList.add("js");
  return { $, make, since, minutesSince, tellAge, copyButton, addCopyButtons };
})();
