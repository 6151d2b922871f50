"use strict";
// Takes a person's answers about families of beats and single beats, and saves them as corrections.csv. Nothing is sent.
(() => {
  const byId = (id) => document.getElementById(id);
  const asked = JSON.parse(byId("asked").textContent);
  const cards = [...document.querySelectorAll(".family")], buttons = [...byId("ask").querySelectorAll("[data-answer]")];
  const KEYS = { n: "N", s: "S", v: "V", f: "F", q: "Q", x: "noise", m: "mixed" };
  const NAMES = Object.values(KEYS), HEAD = ["record", "positions", "kind", "family", "sample", "answer", "by", "at"];
  const place = `ecgrnn corrections ${asked.record} ${asked.positions}`;
  // Every state of the answers, the latest last; an answer is {kind, family, sample, answer, by, at}.
  let states = [[]], saved = states[0], now = 0, beat = null;

  const answers = () => states[states.length - 1];
  const ofFamily = (family) => answers().find((one) => one.kind === "family" && one.family === family);
  const ofBeat = (number) => answers().find((one) => one.kind === "beat" && one.sample === asked.beats[number][0]);
  const settles = (one) => one !== undefined && one.answer !== "mixed";
  const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  function classOf(number) {
    const [, family, label] = asked.beats[number], own = ofBeat(number), shared = ofFamily(family);
    return own ? own.answer : settles(shared) ? shared.answer : label;
  }

  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(place) || "null");
      if (!kept || kept.answers.length === 0) return;
      states.push(kept.answers);
      saved = kept.saved ? kept.answers : states[0];
      byId("by").value = kept.by;
    } catch { /* a page from a file may have no storage; answers then last as long as the page */ }
  }

  function keep() {
    const kept = { answers: answers(), saved: answers() === saved, by: byId("by").value };
    try { localStorage.setItem(place, JSON.stringify(kept)); } catch { /* as above */ }
  }

  function answer(given) {
    const one = asked.families[now];
    if (beat !== null && given === "mixed") return;
    const about = beat === null ? { kind: "family", family: one.family, sample: one.sample }
      : { kind: "beat", family: asked.beats[beat][1], sample: asked.beats[beat][0] };
    const same = (other) => other.kind === about.kind && other.sample === about.sample && other.family === about.family;
    const full = { ...about, answer: given || (beat === null ? one.class : classOf(beat)), by: byId("by").value.trim(),
      at: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
    states.push([...answers().filter((other) => !same(other)), full]);
    if (beat === null) select(next(now)); else show();
  }

  // The family to answer next: the first one behind that has no answer, else the first one at all, else this one.
  function next(behind) {
    const open = asked.families.map((one, k) => k).filter((k) => !ofFamily(asked.families[k].family));
    return open.find((k) => k > behind) ?? open[0] ?? now;
  }

  function undo() {
    if (states.length < 2) return;
    const before = states.pop(), undone = before.find((one) => !answers().includes(one))
      || answers().find((one) => !before.includes(one));
    const k = undone ? asked.families.findIndex((one) => one.family === undone.family) : -1;
    if (undone && undone.kind === "family" && k >= 0) select(k); else show();
  }

  function select(k, number = null) {
    now = Math.max(0, Math.min(k, cards.length - 1));
    beat = number;
    show();
    const card = cards[now], folded = card.closest("details");
    if (folded) folded.open = true;
    const tall = card.offsetHeight > innerHeight - byId("ask").offsetHeight;
    const target = number === null ? card : hitsOf(card).find((hit) => hit.dataset.hit === number && hit.matches(".now"))
      || hitsOf(card).find((hit) => hit.dataset.hit === number);
    target.focus({ preventScroll: true });
    (number === null ? card : target.ownerSVGElement).scrollIntoView({ block: tall && number === null ? "start" : "nearest" });
  }

  const hitsOf = (card) => [...card.querySelectorAll(".hit")];

  function step(direction) {
    const hits = hitsOf(cards[now]), at = hits.indexOf(document.activeElement);
    const first = hits.findIndex((hit) => hit.hasAttribute("data-middle"));
    const k = at < 0 ? Math.max(first, 0) : Math.max(0, Math.min(at + direction, hits.length - 1));
    if (hits[k]) { pick(hits[k]); }
  }

  function pick(hit) {
    now = cards.indexOf(hit.closest(".family"));
    beat = hit.dataset.hit;
    show();
    hit.focus({ preventScroll: true });
    hit.closest("figure").scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // Beats of a family that are expected to be wrong still: an answer settles all, one for a beat settles that.
  function unsettled(one) {
    if (settles(ofFamily(one.family))) return 0;
    const single = answers().filter((other) => other.kind === "beat" && other.family === one.family).length;
    return one.gain * Math.max(0, 1 - single / one.n);
  }

  function progress() {
    const share = 1 - asked.families.reduce((sum, one) => sum + unsettled(one), 0) / asked.total, n = answers().length;
    const percent = `${share > 0.9995 && share < 1 ? "> 99.9" : (100 * share).toFixed(1)} % of the beats`;
    if (n === 0) return `No answer yet: ${percent} are expected to be right.`;
    return `${counted(n, "answer")} ${n === 1 ? "settles" : "settle"} ${percent}; ${answers() === saved ? "saved" : "not saved"}.`;
  }

  function show() {
    cards.forEach((card, k) => {
      const one = asked.families[k], given = ofFamily(one.family), line = card.querySelector(".answer");
      card.classList.toggle("now", k === now);
      card.classList.toggle("done", Boolean(given));
      card.tabIndex = k === now ? 0 : -1;
      line.hidden = !given;
      line.textContent = given ? `answered: ${given.answer}${given.answer === one.class ? ", confirmed" : ` instead of ${one.class}`}` : "";
    });
    for (const label of document.querySelectorAll("#cards [data-b]")) {
      const number = label.dataset.b, text = classOf(number);
      label.textContent = text === "noise" ? "×" : text;
      label.setAttribute("class", `label beat ${text}${ofBeat(number) ? " said" : ""}`);
    }
    for (const hit of document.querySelectorAll(".hit")) {
      const number = hit.dataset.hit;
      hit.classList.toggle("now", number === beat);
      hit.setAttribute("aria-label", `beat at ${asked.beats[number][3]}, ${classOf(number)}`);
    }
    const one = asked.families[now], given = beat === null ? ofFamily(one.family) : ofBeat(beat);
    const proposed = beat === null ? one.class : classOf(beat);
    byId("now").textContent = beat === null
      ? `Family ${now + 1} of ${cards.length}: ${counted(one.n, "beat")}, proposed ${one.class}`
      : `One beat, at ${asked.beats[beat][3]}: ${proposed}`;
    for (const button of buttons) {
      const value = button.dataset.answer;
      if (value === "") button.firstElementChild.textContent = `confirm ${proposed}`;
      else button.setAttribute("aria-pressed", String(Boolean(given) && given.answer === value));
      button.disabled = value === "mixed" && beat !== null;
    }
    byId("undo").disabled = states.length < 2;
    byId("save").disabled = answers().length === 0;
    byId("progress").textContent = progress();
    keep();
  }

  // A text that a spreadsheet program would run gets an apostrophe: see spreadsheets.py.
  function harmless(value) {
    const text = String(value).replace(/[\r\n]/g, " "), number = text.trim() !== "" && !Number.isNaN(Number(text));
    return /^ *[=+\-@\t]/.test(text) && !number ? `'${text}` : text;
  }

  // A field as RFC 4180 has it.
  function field(value) {
    const text = harmless(value);
    return /[",]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csv() {
    const by = byId("by").value.trim();
    const rows = answers().map((one) => [asked.record, asked.positions, one.kind, one.family, one.sample, one.answer, one.by || by, one.at]);
    return [HEAD, ...rows].map((row) => `${row.map(field).join(",")}\n`).join("");
  }

  function save() {
    const link = document.createElement("a"), file = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.href = file;
    link.download = "corrections.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(file), 60000);
    saved = answers();
    show();
  }

  // Rows of a file of comma-separated values: RFC 4180.
  function rowsOf(text) {
    const rows = [[]], fields = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/gy;
    while (fields.lastIndex < text.length) {
      const found = fields.exec(text);
      if (!found) return [];
      rows[rows.length - 1].push(found[1].startsWith('"') ? found[1].slice(1, -1).replaceAll('""', '"') : found[1]);
      if (found[2] !== ",") rows.push([]);
    }
    return rows.filter((row) => row.length === HEAD.length);
  }

  async function open(file) {
    const [head, ...rows] = rowsOf((await file.text()).replace(/^\ufeff/, ""));
    if (!head || head.join() !== HEAD.join() || rows.length === 0) return say(`${file.name} is no file of corrections with answers.`);
    const other = rows.find((row) => row[0] !== harmless(asked.record) || row[1] !== asked.positions);
    if (other) return say(`${file.name} is of record ${other[0]}, or of other beats of it; nothing was taken from it.`);
    const given = new Map(rows.map(([, , kind, family, sample, answer, by, at]) =>
      [kind + sample, { kind, family: Number(family), sample: Number(sample), answer, by, at }]));
    const known = [...given.values()].every((one) => NAMES.includes(one.answer) && ["family", "beat"].includes(one.kind));
    if (!known) return say(`${file.name} has an answer that is none of ${NAMES.join(", ")}; nothing was taken from it.`);
    states.push([...answers().filter((one) => !given.has(one.kind + one.sample)), ...given.values()]);
    select(next(-1));
  }

  function say(text) {
    show();
    byId("progress").textContent = text;
  }

  // A box over each beat of the strips, from half the way to the beat before to half the way to the next.
  function boxes() {
    for (const strip of document.querySelectorAll("#cards .shown .strip")) {
      const labels = [...strip.querySelectorAll("[data-b]")], at = labels.map((label) => Number(label.getAttribute("x")));
      const { width, height } = strip.viewBox.baseVal, focus = strip.querySelector(".focus");
      const middle = focus ? focus.x.baseVal.value + focus.width.baseVal.value / 2 : -1;
      labels.forEach((label, k) => {
        const left = k ? (at[k - 1] + at[k]) / 2 : Math.max(0, at[k] - 10);
        const right = k + 1 < at.length ? (at[k] + at[k + 1]) / 2 : Math.min(width, at[k] + 10);
        const box = document.createElementNS(strip.namespaceURI, "rect");
        const values = { class: "hit", x: left, y: 0, width: Math.max(right - left, 0), height, role: "button", tabindex: -1 };
        for (const [name, value] of Object.entries(values)) box.setAttribute(name, value);
        box.dataset.hit = label.dataset.b;
        if (Math.abs(at[k] - middle) < 0.5) box.setAttribute("data-middle", "");
        box.addEventListener("click", (event) => { event.stopPropagation(); pick(box); });
        strip.append(box);
      });
    }
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target.tagName, name = event.key;
    if (on === "INPUT" || (on === "BUTTON" && (name === "Enter" || name === " "))) return;
    const given = KEYS[name.toLowerCase()];
    if (given) answer(given);
    else if (name === "Enter" || name === " ") answer("");
    else if (name.toLowerCase() === "u") undo();
    else if (name === "ArrowDown" || name === "ArrowUp") select(now + (name === "ArrowDown" ? 1 : -1));
    else if (name === "ArrowRight" || name === "ArrowLeft") step(name === "ArrowRight" ? 1 : -1);
    else if (name === "Escape" && beat !== null) select(now);
    else return;
    event.preventDefault();
  }

  boxes();
  restore();
  document.documentElement.classList.add("asks");
  for (const hint of document.querySelectorAll(".asking")) hint.hidden = false;
  cards.forEach((card, k) => card.addEventListener("click", (event) => event.target.closest("button") || select(k)));
  for (const button of buttons) button.addEventListener("click", () => answer(button.dataset.answer));
  byId("families").addEventListener("keydown", key);
  byId("undo").addEventListener("click", undo);
  byId("save").addEventListener("click", save);
  byId("start").addEventListener("click", () => select(next(-1)));
  byId("by").addEventListener("input", keep);
  byId("file").addEventListener("change", (event) => { if (event.target.files[0]) open(event.target.files[0]); event.target.value = ""; });
  window.addEventListener("beforeunload", (event) => answers() !== saved && event.preventDefault());
  show();
})();
