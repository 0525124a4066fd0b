"use strict";
const source = new EventSource("events");
const say = (text) => { document.getElementById("live").textContent = text; };
source.addEventListener("read", () => { source.close(); location.reload(); });
source.addEventListener("failed", (event) => say(`Could not be read: ${event.data}. It is tried again.`));
let failures = 0;
source.addEventListener("open", () => { failures = 0; });
source.addEventListener("error", () => {
  // Who listens at the port of a watch that has ended is a stranger.
  if (++failures >= 3) source.close();
  say("homeroom has stopped. The next watch has another address.");
});
