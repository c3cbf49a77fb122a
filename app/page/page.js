// Keeps the page at the running configuration: by events, or by asking when the app has no place for another stream.
"use strict";

const element = (id) => document.getElementById(id);
let since = Date.now() - 1000 * Number(element("age").dataset.seconds || NaN);

function duration(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

function showAge() {
  const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
  element("age").textContent = Number.isNaN(seconds) ? "–" : duration(seconds);
}

function show(listing) {
  const card = element("version").parentElement;
  const changed = element("version").textContent !== listing.version;
  since = Date.now() - 1000 * listing.age;
  showAge();
  if (!changed) return;
  element("version").textContent = listing.version;
  const { length } = listing.services;
  element("count").textContent =
    length === listing.total ? `All ${length} services` : `${length} of ${listing.total} services`;
  element("services").replaceChildren(...listing.services.map((name) => {
    const item = document.createElement("li");
    item.textContent = name;
    return item;
  }));
  card.classList.add("fresh");
  requestAnimationFrame(() => requestAnimationFrame(() => card.classList.remove("fresh")));
}

function link(text, live) {
  element("link").textContent = text;
  element("link").classList.toggle("live", live);
}

async function ask() {
  try {
    const answer = await fetch("/", { headers: { accept: "application/json" } });
    if (answer.ok) show(await answer.json());
    link("every 15 s", answer.ok);
  } catch {
    link("out of reach", false);
  }
}

function follow() {
  const events = new EventSource("/events");
  events.addEventListener("listing", (event) => show(JSON.parse(event.data)));
  events.onopen = () => link("live", true);
  events.onerror = () => {
    // A browser gives up for good on anything but a broken connection.
    if (events.readyState === EventSource.CLOSED) {
      ask();
      setInterval(ask, 15000);
    } else {
      link("reconnecting", false);
    }
  };
}

showAge();
setInterval(showAge, 1000);
follow();
