"use strict";
// Draws the samples that are stored in this page at 25 mm/s and 10 mm/mV. Nothing is fetched.
(() => {
  const dialog = document.getElementById("viewer"), canvas = document.getElementById("paper");
  const byId = (id) => document.getElementById(id);
  if (!("DecompressionStream" in window) || !dialog.showModal) return;
  const MM = 96 / 25.4, LEFT = 14 * MM, HEAD = 11 * MM, ROW = 30 * MM, FOOT = 8 * MM;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  async function unpacked(text) {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // Whole numbers of some bytes: the lowest bytes of all, then the next ones.
  const number = (packed, first, n, bytes, k) => {
    let value = 0;
    for (let byte = bytes - 1; byte >= 0; byte--) value = value * 256 + packed[first + byte * n + k];
    return value;
  };

  async function times({ n, ms }) {
    const packed = await unpacked(ms), found = new Float64Array(n);
    for (let k = 0, sum = 0; k < n; k++) found[k] = sum += number(packed, 0, n, 4, k);
    return found;
  }

  // Kind, onset and offset in s of the waves of a lead, in order: see marks.py.
  async function wavesOf({ n, bytes }) {
    const packed = await unpacked(bytes), kinds = packed.subarray(0, n), counts = [0, 1, 2].map((kind) => kinds.filter((k) => k === kind).length);
    const firsts = [n, n + 6 * counts[0], n + 6 * (counts[0] + counts[1])], next = [0, 0, 0];
    const onset = new Float64Array(n), offset = new Float64Array(n);
    for (let k = 0, end = 0; k < n; k++) {
      const kind = kinds[k], count = counts[kind], at = next[kind]++;
      const coded = number(packed, firsts[kind], count, 3, at), length = number(packed, firsts[kind] + 3 * count, count, 3, at);
      const start = end + (coded % 2 ? -(coded + 1) / 2 : coded / 2);
      end = start + length;
      onset[k] = start * ecg.tick;
      offset[k] = end * ecg.tick;
    }
    return { kinds, onset, offset };
  }

  // What is stored, read when the view is opened for the first time: until then the page costs nothing.
  let ecg, beatMs, labels, waves, loading = null;
  async function load() {
    ecg = JSON.parse(byId("ecg").textContent);
    beatMs = await times(ecg.beats);
    labels = new TextDecoder().decode(await unpacked(ecg.beats.labels));
    waves = await Promise.all(ecg.waves.map(wavesOf));
  }

  const decoded = new Map();
  let at = 0, drawing = 0;

  // The 9/7 wavelet of wavelet.py, backwards.
  function joined(slow, fast) {
    const n = slow.length, scale = 1.149604398860241, whole = new Float64Array(2 * n);
    const s = slow.map((v) => v / scale), f = fast.map((v) => v * scale);
    [0.443506852043971, 0.882911075530934, -0.052980118572961, -1.586134342059924].forEach((factor, k) => {
      if (k % 2) for (let i = 0; i < n; i++) f[i] -= factor * (s[i] + s[Math.min(i + 1, n - 1)]);
      else for (let i = 0; i < n; i++) s[i] -= factor * (f[i] + f[Math.max(i - 1, 0)]);
    });
    for (let i = 0; i < n; i++) { whole[2 * i] = s[i]; whole[2 * i + 1] = f[i]; }
    return whole;
  }

  // Three planes of bytes of all bands, the slowest first, the sign in the lowest bit; then a bit for each missing
  // sample: see samples.py.
  async function decode(k) {
    if (decoded.has(k)) return decoded.get(k);
    const { n, step, bytes: text } = ecg.pieces[k], leads = ecg.leads.length, packed = await unpacked(text);
    const lengths = [n];
    for (let level = 0; level < ecg.levels; level++) lengths.unshift(Math.ceil(lengths[0] / 2));
    lengths.pop();
    lengths.unshift(lengths[0]);
    const all = leads * lengths.reduce((sum, length) => sum + length, 0), signal = [];
    for (let lead = 0; lead < leads; lead++) {
      let begin = 0, whole = null;
      lengths.forEach((length, level) => {
        const band = new Float64Array(length);
        for (let i = 0, sum = 0; i < length; i++) {
          const j = begin + lead * length + i, coded = packed[j] + (packed[all + j] << 8) + (packed[2 * all + j] << 16);
          const value = (coded >> 1) ^ -(coded & 1);
          sum += value;
          band[i] = level === 0 ? sum * step / 2 : value * step;
        }
        begin += leads * length;
        whole = level === 0 ? band : joined(whole.subarray(0, length), band);
      });
      const gaps = 3 * all + lead * Math.ceil(n / 8), values = Float32Array.from(whole.subarray(0, n));
      for (let i = 0; i < n; i++) if (packed[gaps + (i >> 3)] & (128 >> (i & 7))) values[i] = NaN;
      signal.push(values);
    }
    if (decoded.size > 8) decoded.delete(decoded.keys().next().value);
    decoded.set(k, signal);
    return signal;
  }

  const perS = () => Number(byId("speed").value) * MM, perMv = () => Number(byId("gain").value) * MM;
  const shownS = () => (canvas.clientWidth - LEFT) / perS();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function words(seconds) {
    const tenths = Math.round(((ecg.offset || 0) + seconds) * 10), whole = Math.floor(tenths / 10);
    const pad = (n) => String(n).padStart(2, "0");
    const day = ecg.offset === null ? 0 : Math.floor(whole / 86400), rest = whole - day * 86400;
    const second = `${pad(rest % 60)}.${tenths % 10}`, hour = Math.floor(rest / 3600), minute = Math.floor(rest / 60) % 60;
    if (ecg.offset === null) return hour ? `${hour}:${pad(minute)}:${second}` : `${minute}:${second}`;
    const clock = `${pad(hour)}:${pad(minute)}:${second}`;
    return day ? `day ${day + 1} ${clock}` : clock;
  }

  async function draw() {
    if (!waves) return;
    const turn = ++drawing, width = canvas.clientWidth, height = HEAD + ROW * ecg.leads.length + FOOT;
    const length = shownS();
    at = Math.max(0, Math.min(at, Math.max(0, ecg.duration - length)));
    const chosen = [];
    for (let k = 0; k < ecg.pieces.length; k++) {
      const piece = ecg.pieces[k];
      if (piece.start < at + length && piece.start + piece.n / ecg.fs > at) chosen.push([piece, await decode(k)]);
    }
    if (turn !== drawing) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    paper(pen, width, height);
    ecg.leads.forEach((name, lead) => { bars(pen, lead, length); trace(pen, chosen, lead, name, length); });
    beats(pen, height, length);
    byId("moment").textContent = `${words(at)}, ${length.toFixed(1)} s`;
  }

  function paper(pen, width, height) {
    for (const [step, name, line] of [[1, "--mm1", 0.5], [5, "--mm5", 0.9]]) {
      pen.strokeStyle = colour(name);
      pen.lineWidth = line;
      pen.beginPath();
      for (let x = LEFT % (5 * MM); x < width; x += step * MM) { pen.moveTo(x, 0); pen.lineTo(x, height); }
      for (let y = HEAD % (5 * MM); y < height; y += step * MM) { pen.moveTo(0, y); pen.lineTo(width, y); }
      pen.stroke();
    }
  }

  function median(values) {
    const sorted = values.filter((v) => !Number.isNaN(v)).sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : 0;
  }

  function trace(pen, chosen, lead, name, length) {
    const parts = chosen.map(([piece, signal]) => {
      const from = Math.max(0, Math.floor((at - piece.start) * ecg.fs));
      return [piece.start + from / ecg.fs, signal[lead].slice(from, Math.ceil((at + length - piece.start) * ecg.fs) + 1)];
    });
    const base = median(parts.flatMap(([, values]) => Array.from(values)));
    const zero = HEAD + ROW * (lead + 0.62);
    pen.save();
    pen.beginPath();
    pen.rect(0, HEAD + ROW * (lead - 0.25), canvas.clientWidth, ROW * 1.5);
    pen.clip();
    pen.strokeStyle = colour("--trace");
    pen.lineWidth = 1.2;
    pen.lineJoin = "round";
    pen.beginPath();
    for (const [start, values] of parts) {
      let down = false;
      values.forEach((value, i) => {
        if (Number.isNaN(value)) { down = false; return; }
        const x = LEFT + (start + i / ecg.fs - at) * perS(), y = zero - (value - base) * perMv();
        if (down) pen.lineTo(x, y); else pen.moveTo(x, y);
        down = true;
      });
    }
    pen.stroke();
    pen.restore();
    pen.strokeStyle = pen.fillStyle = colour("--muted");
    pen.beginPath();
    pen.moveTo(2 * MM, zero); pen.lineTo(3 * MM, zero); pen.lineTo(3 * MM, zero - perMv());
    pen.lineTo(7 * MM, zero - perMv()); pen.lineTo(7 * MM, zero); pen.lineTo(8 * MM, zero);
    pen.stroke();
    pen.font = "12px system-ui,sans-serif";
    pen.textAlign = "left";
    pen.fillText(name, 2 * MM, zero + 4.5 * MM);
  }

  // A bar below the lead for each of its waves, as in the strips.
  function bars(pen, lead, length) {
    const { kinds, onset, offset } = waves[lead], foot = HEAD + ROW * (lead + 1) - 0.5 * MM;
    pen.globalAlpha = 0.75;
    for (let k = Math.max(0, first(onset, at) - 3); k < onset.length && onset[k] < at + length; k++) {
      if (offset[k] < at) continue;
      pen.fillStyle = colour(["--c2", "--c0", "--c1"][kinds[k]]);
      const left = LEFT + (Math.max(onset[k], at) - at) * perS();
      pen.fillRect(left, foot - 1.2 * MM, Math.max(1, LEFT + (offset[k] - at) * perS() - left), 1.2 * MM);
    }
    pen.globalAlpha = 1;
  }

  // The first of rising numbers that is not below a value.
  function first(rising, value) {
    let low = 0, high = rising.length;
    while (low < high) { const k = (low + high) >> 1; if (rising[k] < value) low = k + 1; else high = k; }
    return low;
  }

  const firstBeat = (seconds) => first(beatMs, seconds * 1000);

  function beats(pen, height, length) {
    const colours = { V: colour("--c1"), S: colour("--c3"), F: colour("--c2"), N: colour("--muted") };
    pen.textAlign = "center";
    for (let k = firstBeat(at); k < beatMs.length && beatMs[k] / 1000 < at + length; k++) {
      const x = LEFT + (beatMs[k] / 1000 - at) * perS();
      pen.fillStyle = colours[labels[k]] || colour("--c4");
      pen.font = labels[k] === "N" ? "12px system-ui,sans-serif" : "bold 13px system-ui,sans-serif";
      pen.fillText(labels[k], x, 4 * MM);
      pen.strokeStyle = colour("--mm5");
      pen.setLineDash([2, 3]);
      pen.beginPath(); pen.moveTo(x, 5 * MM); pen.lineTo(x, height); pen.stroke();
      pen.setLineDash([]);
      if (k > 0 && beatMs[k - 1] / 1000 > at) {
        pen.fillStyle = colour("--muted");
        pen.font = "10px system-ui,sans-serif";
        pen.fillText(String(beatMs[k] - beatMs[k - 1]), x - (beatMs[k] - beatMs[k - 1]) * perS() / 2000, 8 * MM);
      }
    }
  }

  async function show(seconds) {
    if (!dialog.open) dialog.showModal();
    await (loading ??= load());
    at = seconds - shownS() / 2;
    draw();
    canvas.focus();
  }

  function move(share) { at += share * shownS(); draw(); }

  function ectopic(direction) {
    if (!waves) return;
    const middle = at + shownS() / 2;
    let k = direction > 0 ? firstBeat(middle + 0.05) : firstBeat(middle - 0.05) - 1;
    while (k >= 0 && k < labels.length && labels[k] !== "V" && labels[k] !== "S") k += direction;
    if (k >= 0 && k < labels.length) { at = beatMs[k] / 1000 - shownS() / 2; draw(); }
  }

  for (const picture of document.querySelectorAll(".hour image")) {
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect(), of = picture.ownerSVGElement.dataset;
      const high = picture.width.baseVal.value;  // the picture lies on its side: see hours.py
      const pitch = box.height / high * Number(of.pitch), rows = high / Number(of.pitch) - 1;
      const row = Math.max(0, Math.min(rows - 1, Math.floor((event.clientY - box.top) / pitch - 0.5)));
      show(Number(of.start) + (row + (event.clientX - box.left) / box.width) * Number(of.row));
    });
  }
  for (const button of document.querySelectorAll(".look"))
    button.addEventListener("click", () => show(Number(button.dataset.at)));
  for (const button of dialog.querySelectorAll("[data-move]"))
    button.addEventListener("click", () => move(0.8 * Number(button.dataset.move)));
  for (const button of dialog.querySelectorAll("[data-ectopic]"))
    button.addEventListener("click", () => ectopic(Number(button.dataset.ectopic)));
  byId("close").addEventListener("click", () => dialog.close());
  for (const id of ["gain", "speed"]) byId(id).addEventListener("change", draw);
  window.addEventListener("resize", () => dialog.open && draw());
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.2, ArrowRight: 0.2, PageUp: -0.8, PageDown: 0.8 }[event.key];
    if (step && event.target.tagName !== "SELECT") { event.preventDefault(); move(step); }
  });

  document.documentElement.classList.add("js");
  let from = null;
  canvas.addEventListener("pointerdown", (event) => { from = { x: event.clientX, at }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { from = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (!waves) return;
    if (from) { at = from.at - (event.clientX - from.x) / perS(); draw(); return; }
    const seconds = at + (event.offsetX - LEFT) / perS(), k = firstBeat(seconds);
    const before = k > 0 ? `, ${Math.round(seconds * 1000 - beatMs[k - 1])} ms behind the beat before` : "";
    byId("pointed").textContent = seconds >= at ? `${words(seconds)}${before}` : "";
  });
})();
