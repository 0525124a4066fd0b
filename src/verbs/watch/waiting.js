"use strict";
const source = new EventSource("events");
const say = (text) => { document.getElementById("live").textContent = text; };
source.addEventListener("read", () => { source.close(); location.reload(); });
source.addEventListener("failed", (event) => say(`Could not be read: ${event.data}. It is tried again.`));
source.addEventListener("error", () => say("homeroom has stopped."));
