"use strict";
const F = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const wish = new URLSearchParams(location.hash.slice(1));
const state = { lang: wish.get("lang") === "en" ? "en" : "zh", source: 0, metric: F.destination ? "rate" : "persons", frame: Object.keys(F.shapes.frames)[0],
  sort: ["low", -1], all: false, filter: "", chosen: -1 };
const COLOURS = ["#fde725", "#90d743", "#35b779", "#21918c", "#31688e", "#443983", "#440154"];
const T = {
  zh: { china: "全国", place: F.destination && F.destination.zh, persons: "人数", rate: "每万名居民", in: "放大", out: "缩小",
    not: "未公布（不是零）", inner: "区域内部，不是流出", land: "无数据", to: "前往", atLeast: "至少", atMost: "至多", between: "介于 0 与 ",
    and: " 之间", days: "公布天数", per: "每万名居民", rank: "名次", name: "目的地", prefecture: "地级市", province: "省份", share: "占比 %",
    showAll: "显示全部", showLess: "只显示前 50 行", rows: "行", less: "不足", rankTitle: { prefecture: "地级市排名", county: "区县排名" },
    rest: "其余（未单独公布）", missing: "未发布", withdrawn: "已撤回", empty: "人数过少", date: "日期", release: "发布号", mnos: "运营商",
    county: "按区县可见 %", pair: "区县对可见 %", reason: "说明", at: "发布时间", from: "自", said: { mobile: "移动", unicom: "联通", telecom: "电信", "first release": "首次发布" }, unit: { persons: "人", "person-trips": "人次" },
    hides: (n, s, u) => `${s}%（${n} ${u}）在“其余”行中，未按区县单独公布。`, unsure: "上限未知：部分日期未公布该地的任何数字" },
  en: { china: "China", place: F.destination && F.destination.en, persons: "Persons", rate: "Per 10,000 residents", in: "Zoom in",
    out: "Zoom out", not: "not shown (not zero)", inner: "inside the area: no outflow", land: "no data", to: "To", atLeast: "At least",
    atMost: "At most", between: "between 0 and ", and: "", days: "Dates shown", per: "Per 10,000", rank: "#", name: "Destination",
    prefecture: "Prefecture", province: "Province", share: "Share %", showAll: "Show all", showLess: "Show the first 50", rows: "rows",
    less: "below", rankTitle: { prefecture: "Prefectures ranked", county: "Counties ranked" }, rest: "Rest (not shown singly)",
    missing: "no release", withdrawn: "withdrawn", empty: "too few persons", date: "Date", release: "Release", mnos: "Operators",
    county: "Shown by county %", pair: "Shown county to county %", reason: "Remark", at: "Released", from: "From", said: {},
    unit: { persons: "persons", "person-trips": "person-trips" },
    hides: (n, s, u) => `${s} % (${n} ${u}) are in rest rows and not shown by county.`, unsure: "the most is unknown: some dates show nothing of it" },
};
const FROM = { // what reads otherwise where the map shows where people came from
  zh: { inner: "本地内部，不计入", name: "出发地", rankTitle: { prefecture: "出发地级市排名" },
    hides: (n, s, u) => (n === null ? "部分出发地的上限未知。" : `${n} ${u}可能属于该地而未单独公布，占上限的 ${s}%。`) },
  en: { inner: "inside the place: not counted", name: "Origin", rankTitle: { prefecture: "Prefectures of origin ranked" },
    hides: (n, s, u) => (n === null ? "Of some origins the most is unknown." : `${n} ${u} may have come without being shown: ${s} % of the most.`) },
};
const words = (lang) => (F.mapped.end === "origin" ? { ...T[lang], ...FROM[lang] } : T[lang]);
const WORDS = { zh: words("zh"), en: words("en") };
const t = (key) => WORDS[state.lang][key];
const sure = (f) => f[2] || f[1] === 0; // shown on a date, or certainly nobody
const num = (value) => Number(value).toLocaleString("en-US");
const series = () => F.series[state.source];
const unit = () => t("unit")[series().summary.unit];
const local = (zh, en) => (state.lang === "zh" ? zh : en);
const rate = (code, persons) => { const p = F.places[code]; return p && p[6] ? (10000 * persons) / p[6] : null; };
const figure = (code) => { const f = series().map[code]; if (!f || !sure(f)) return null; return state.metric === "rate" ? rate(code, f[0]) : f[0]; };
const nearby = () => { const p = Object.entries(F.places).find(([code]) => code.slice(0, 2) === F.area.code.slice(0, 2)); return p ? local(p[1][4], p[1][5]) : local(F.area.zh, F.area.en); };
const escapeText = (text) => String(text).replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);

function thresholds(values) {
  const sorted = values.filter((v) => v > 0).sort((a, b) => a - b);
  if (!sorted.length) return [];
  const nice = (v) => { const e = 10 ** Math.floor(Math.log10(v)); return [1, 2, 5, 10].map((m) => m * e).reduce((a, b) => (Math.abs(b - v) < Math.abs(a - v) ? b : a)); };
  const found = [0.2, 0.4, 0.6, 0.75, 0.88, 0.96].map((q) => nice(sorted[Math.floor(q * (sorted.length - 1))]));
  return [...new Set(found)].filter((v) => v > sorted[0] && v <= sorted[sorted.length - 1]);
}
function colour(value, steps) { const i = steps.filter((s) => value >= s).length; return COLOURS[Math.round((i * 6) / Math.max(steps.length, 1))]; }

function drawMap() {
  const hatch = '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse"><rect width="7" height="7" fill="#f4f4f2"/><path d="M0 7L7 0" stroke="#b9c0c8" stroke-width="0.9" style="vector-effect:none"/></pattern></defs>';
  const counties = Object.entries(F.shapes.places).map(([code, d]) => `<path class="county" data-code="${escapeText(code)}" d="${d}"/>`).join("");
  const layers = `<path class="land" d="${F.shapes.land}"/><path id="hatched" fill="url(#hatch)" d=""/>${counties}<path class="lines prefectures" d="${F.shapes.prefectures}"/><path class="lines provinces" d="${F.shapes.provinces}"/><path class="mark" d="${F.shapes.mark}"/><path class="chosen" id="chosen" d=""/>`;
  $("main").innerHTML = hatch + layers;
  $("inset").setAttribute("viewBox", F.shapes.frames.inset);
  $("inset").innerHTML = `<path class="land" d="${F.shapes.land}"/><path class="sea" d="${F.shapes.land}"/><path class="lines provinces" d="${F.shapes.provinces}"/>`;
}
function paintMap() {
  const values = Object.keys(F.shapes.places).map(figure).filter((v) => v !== null);
  const steps = thresholds(values);
  const hidden = []; // hatched together in one path: a pattern for each of 2,000 counties takes minutes to print
  for (const path of document.querySelectorAll(".county")) {
    const code = path.dataset.code, known = series().map[code], value = figure(code);
    path.setAttribute("fill", value !== null ? colour(value, steps) : known ? "transparent" : "#cfd4da");
    if (value === null && known) hidden.push(F.shapes.places[code]);
  }
  $("hatched").setAttribute("d", hidden.join(""));
  const label = (v) => (state.metric === "rate" && v < 10 ? String(+v.toPrecision(2)) : num(v));
  const items = steps.length ? [[`${t("less")} ${label(steps[0])}`, colour(0, steps)], ...steps.map((s, i) => [i + 1 < steps.length ? `${label(s)} – ${label(steps[i + 1])}` : `≥ ${label(s)}`, colour(s, steps)])] : values.length ? [[label(Math.min(...values)), colour(0, steps)]] : [];
  const swatches = items.map(([text, fill]) => `<span><i style="background:${fill}"></i>${text}</span>`);
  swatches.push(`<span><i style="background:repeating-linear-gradient(135deg,#f4f4f2 0 3px,#9aa3ad 3px 4px)"></i>${t("not")}</span>`);
  $("legend").innerHTML = `<strong>${state.metric === "rate" ? t("rate") : unit()}</strong>${swatches.join("")}<span><i style="border:2px solid #b3261e"></i>${escapeText(local(F.area.zh, F.area.en))}</span>`;
}
function setFrame(box) {
  $("main").setAttribute("viewBox", box);
  state.box = box.split(" ").map(Number);
  const width = $("main").clientWidth || 800, scale = state.box[2] / width;
  $("main").querySelector("#hatch").setAttribute("patternTransform", `scale(${scale.toFixed(3)})`);
  $("inset").style.display = state.box[2] > 7000 ? "" : "none";
}
function zoom(factor) {
  const [x, y, w, h] = state.box;
  setFrame([x + (w * (1 - factor)) / 2, y + (h * (1 - factor)) / 2, w * factor, h * factor].map((v) => v.toFixed(0)).join(" "));
}
function describe(code) {
  const p = F.places[code], f = series().map[code];
  if (!p) return "";
  const place = state.lang === "zh" ? [p[0], p[2], p[4]] : [p[1], p[3], p[5]];
  const lines = [place.filter((n, i) => place.indexOf(n) === i).join(local(" · ", ", "))];
  if (!f) lines.push(t("inner"));
  else if (!sure(f)) lines.push(f[1] === null ? `${t("not")}: ${t("unsure")}` : `${t("not")}: ${t("between")}${num(f[1])}${t("and")} ${unit()}`);
  else {
    lines.push(f[1] === null ? `${t("atLeast")} ${num(f[0])} ${unit()}; ${t("unsure")}` : f[0] === f[1] ? `${num(f[0])} ${unit()}` : `${t("atLeast")} ${num(f[0])}, ${t("atMost")} ${num(f[1])} ${unit()}`);
    const r = rate(code, f[0]);
    if (r !== null) lines.push(`${t("per")}: ${r.toFixed(1)}`);
    lines.push(`${t("days")}: ${f[2]} / ${series().summary.dates_released}`);
  }
  return lines.join("\n");
}
function hover(code, x, y) {
  const box = $("hover"), canvas = $("main").getBoundingClientRect();
  const text = code ? describe(code) : "";
  box.style.display = text ? "block" : "none";
  $("chosen").setAttribute("d", text ? F.shapes.places[code] : "");
  if (!text) return;
  box.textContent = text;
  const left = Math.max(4, Math.min(x - canvas.left + 14, canvas.width - box.offsetWidth - 4));
  const below = y - canvas.top + 16;
  box.style.left = `${left}px`;
  box.style.top = `${below + box.offsetHeight > canvas.height ? Math.max(4, y - canvas.top - box.offsetHeight - 12) : below}px`;
}
function step(by) {
  const order = series().rows.filter((r) => r[0] === "shown" && F.shapes.places[r[1]]).map((r) => r[1]);
  if (!order.length) return;
  state.chosen = (state.chosen + by + order.length) % order.length;
  const area = document.querySelector(`[data-code="${CSS.escape(order[state.chosen])}"]`).getBoundingClientRect();
  hover(order[state.chosen], area.left + area.width / 2, area.top + area.height / 2);
}

function drawBars() {
  const ranking = series().ranking, shown = ranking.rows.filter((r) => r[0] === "shown").slice(0, 20);
  const others = ranking.rows.filter((r) => r[0] === "shown").slice(20).reduce((a, r) => a + r[8], 0);
  const rest = ranking.rows.filter((r) => r[0] !== "shown").reduce((a, r) => a + r[8], 0);
  const items = shown.map((r, i) => [i + 1, local(r[2], r[3]), r[8], r[10], ""]);
  const total = series().summary.persons_at_least || 1;
  if (others) items.push(["", local("其他已公布", "Others, shown"), others, (100 * others) / total, ""]);
  if (rest) items.push(["", t("rest"), rest, (100 * rest) / total, "rest"]);
  const most = Math.max(...items.map((i) => i[2]), 1);
  $("ranking-title").textContent = t("rankTitle")[ranking.level];
  $("bars").innerHTML = items.map(([rank, name, n, share, kind]) => { const w = `calc((100% - 10em) * ${Math.max(n / most, 0.005).toFixed(4)})`; return `<li class="${kind}"><span class="rank">${rank}</span><span>${escapeText(name)}</span><span class="track"><b style="width:${w}"></b><em style="left:calc(${w} + 6px)">${num(n)} · ${Number(share).toFixed(1)} %</em></span></li>`; }).join("");
}

function drawCurve() {
  const W = 560, H = 240, L = 74, R = 12, B = 34, top = 12;
  const all = F.series.map((s) => s.daily), days = series().daily;
  const most = Math.max(...all.flat().map((d) => d.low || 0), 1);
  const e = 10 ** Math.floor(Math.log10(most)), tick = [0.2, 0.25, 0.5, 1, 2, 5].map((m) => m * e).find((v) => most / v <= 5);
  const y = (v) => H - B - ((H - B - top) * v) / (Math.ceil(most / tick) * tick);
  const x = (i) => L + ((W - L - R) * (i + 0.5)) / days.length;
  let svg = "";
  for (let v = 0; v <= Math.ceil(most / tick) * tick + 1e-9; v += tick) svg += `<line class="grid" x1="${L}" x2="${W - R}" y1="${y(v)}" y2="${y(v)}"/><text x="${L - 6}" y="${y(v) + 4}" text-anchor="end">${num(Math.round(v))}</text>`;
  const every = Math.ceil(days.length / 8);
  days.forEach((d, i) => {
    if (d.why) svg += `<rect class="none" x="${x(i) - (W - L - R) / days.length / 2}" y="${top}" width="${(W - L - R) / days.length}" height="${H - B - top}"/><text x="${x(i)}" y="${top + 14}" text-anchor="middle">×</text>`;
    if ((days.length - 1 - i) % every === 0) svg += `<text x="${x(i)}" y="${H - B + 18}" text-anchor="middle">${+d.date.slice(5, 7)}-${+d.date.slice(8)}</text>`;
  });
  const inks = ["#31688e", "#b3261e", "#35b779"], dashes = ["", "6 4", "2 3"];
  all.forEach((daily, s) => {
    let run = [];
    const flush = () => { if (run.length > 1) svg += `<polyline fill="none" stroke="${inks[s % 3]}" stroke-width="2.2" stroke-dasharray="${dashes[s % 3]}" points="${run.join(" ")}"/>`; run = []; };
    daily.forEach((d, i) => { if (d.low === null) flush(); else run.push(`${x(i)},${y(d.low)}`); });
    flush();
    daily.forEach((d, i) => { if (d.low !== null) svg += `<circle tabindex="0" data-s="${s}" data-i="${i}" cx="${x(i)}" cy="${y(d.low)}" r="4.5" fill="${inks[s % 3]}" stroke="#fff"><title>${escapeText(dayText(s, d))}</title></circle>`; });
    if (all.length > 1) svg += `<text x="${L + 10 + 130 * s}" y="${H - 2}" style="fill:${inks[s % 3]}">${s ? "╌" : "—"} ${t("from")}${local("", " ")}${escapeText(local(F.series[s].area.zh, F.series[s].area.en))}</text>`;
  });
  $("curve").setAttribute("viewBox", `0 0 ${W} ${H}`);
  $("curve").innerHTML = `${svg}<line class="axis" x1="${L}" x2="${W - R}" y1="${H - B}" y2="${H - B}"/>`;
}
function dayText(s, d) {
  const area = local(F.series[s].area.zh, F.series[s].area.en), range = d.low === d.high ? num(d.low) : d.high === null ? `${t("atLeast")} ${num(d.low)}` : `${t("atLeast")} ${num(d.low)}, ${t("atMost")} ${num(d.high)}`;
  return `${d.date} ${area}: ${range} ${t("unit").persons}`;
}

const COLUMNS = [["rank", (r, i) => (r[0] === "shown" ? i + 1 : null), "n"], ["name", (r) => local(r[2], r[3])], ["prefecture", (r) => local(r[4], r[5])], ["province", (r) => local(r[6], r[7])],
  ["low", (r) => r[8], "n"], ["high", (r) => r[9], "n"], ["share", (r) => r[10], "n"], ["per", (r) => (r[0] === "shown" ? rate(r[1], r[8]) : null), "n"], ["days", (r) => r[11], "n"]].filter(([name]) => name !== "prefecture" || F.mapped.level === "county");
const TITLES = { low: "atLeast", high: "atMost" };
function drawTable() {
  const [key, way] = state.sort, column = COLUMNS.find((c) => c[0] === key), want = state.filter.toLowerCase();
  let rows = series().rows.map((r, i) => [r, i]);
  if (want) rows = rows.filter(([r]) => r.slice(1, 8).join(" ").toLowerCase().includes(want));
  const value = ([r, i]) => column[1](r, i);
  const collate = new Intl.Collator(state.lang === "zh" ? "zh-CN" : "en").compare;
  rows.sort((a, b) => { const p = value(a), q = value(b); if (p === null || q === null) return (p === null) - (q === null); return way * (typeof p === "number" ? p - q : collate(p, q)) || a[1] - b[1]; });
  $("head").innerHTML = COLUMNS.map(([name, , kind]) => `<th scope="col" class="${kind || ""}" aria-sort="${name === key ? (way > 0 ? "ascending" : "descending") : "none"}"><button type="button" data-key="${name}">${t(TITLES[name] || name)}</button></th>`).join("");
  const cell = (v, kind, name) => (v === null ? "–" : kind ? (name === "per" ? v.toFixed(1) : name === "share" ? Number(v).toFixed(2) : num(v)) : escapeText(v));
  const some = state.all ? rows : rows.slice(0, 50);
  $("body").innerHTML = some.map(([r, i]) => `<tr class="${r[0]}">${COLUMNS.map(([name, get, kind]) => `<td class="${kind || ""}">${cell(get(r, i), kind, name)}</td>`).join("")}</tr>`).join("");
  $("all").textContent = state.all ? t("showLess") : `${t("showAll")} (${num(rows.length)})`;
  $("all").style.display = rows.length > 50 ? "" : "none";
  $("count").textContent = `${num(some.length)} / ${num(rows.length)} ${t("rows")}`;
}
function drawQuality() {
  const names = ["date", "release", "mnos", "persons", "county", "pair", "reason", "at"];
  const kind = (n) => (["release", "persons", "county", "pair"].includes(n) ? "n" : "");
  $("quality-head").innerHTML = names.map((n) => `<th scope="col" class="${kind(n)}">${t(n)}</th>`).join("");
  const said = (n, v) => (n === "persons" ? num(v) : n === "mnos" ? v.split(", ").map((m) => t("said")[m] || m).join(local("、", ", ")) : t("said")[v] || v);
  const why = Object.fromEntries(series().daily.map((d) => [d.date, d.why]));
  $("quality-body").innerHTML = F.quality.map((q) => `<tr>${names.map((n) => `<td class="${kind(n)}">${q.release === null && n === "release" ? t(why[q.date] || "missing") : q[n] === undefined || q[n] === null ? "–" : escapeText(said(n, q[n]))}</td>`).join("")}</tr>`).join("");
  const open = series().open;
  $("share").textContent = t("hides")(open.persons === null ? null : num(open.persons), open.percent, unit());
}
function buttons(id, names, current, choose) {
  $(id).innerHTML = names.map(([key, text]) => `<button type="button" data-key="${key}" aria-pressed="${String(key === current)}">${escapeText(text)}</button>`).join("");
  for (const button of $(id).children) button.onclick = () => { const key = button.dataset.key; choose(key); draw(); const again = $(id).querySelector(`[data-key="${key}"]`); if (again) again.focus(); };
}
function draw() {
  document.documentElement.dataset.lang = state.lang;
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  for (const lang of ["zh", "en"]) $(lang).setAttribute("aria-pressed", String(lang === state.lang));
  const frames = Object.keys(F.shapes.frames).filter((name) => name !== "inset");
  if (F.series.length > 1) buttons("sources", F.series.map((s, i) => [String(i), `${t("from")}${local("", " ")}${local(s.area.zh, s.area.en)}`]), String(state.source), (k) => { state.source = +k; state.chosen = -1; });
  buttons("frames", [...frames.map((name) => [name, name === "province" ? nearby() : t(name)]), ["in", "+"], ["out", "−"]], state.frame, (k) => { if (k === "in" || k === "out") zoom(k === "in" ? 0.66 : 1.5); else { state.frame = k; setFrame(F.shapes.frames[k]); } });
  for (const [key, name] of [["in", "in"], ["out", "out"]]) $("frames").querySelector(`[data-key="${key}"]`).setAttribute("aria-label", t(name));
  buttons("metrics", [["persons", unit()], ["rate", t("rate")]], state.metric, (k) => { state.metric = k; });
  paintMap(); drawBars(); drawCurve(); drawTable(); drawQuality(); hover(null);
}
function listen() {
  for (const lang of ["zh", "en"]) $(lang).onclick = () => { state.lang = lang; draw(); };
  $("print").onclick = () => window.print();
  $("all").onclick = () => { state.all = !state.all; drawTable(); };
  $("filter").oninput = (event) => { state.filter = event.target.value; drawTable(); };
  $("head").onclick = (event) => { const key = event.target.dataset.key; if (!key) return; const text = ["name", "prefecture", "province", "rank"].includes(key);
    state.sort = state.sort[0] === key ? [key, -state.sort[1]] : [key, text ? 1 : -1]; drawTable(); $("head").querySelector(`[data-key="${key}"]`).focus(); };
  const main = $("main");
  main.onpointermove = main.onpointerdown = (event) => hover(event.target.dataset && event.target.dataset.code, event.clientX, event.clientY);
  main.onpointerleave = () => hover(null);
  main.onblur = () => hover(null);
  main.onkeydown = (event) => { const keys = { ArrowRight: () => step(1), ArrowDown: () => step(1), ArrowLeft: () => step(-1), ArrowUp: () => step(-1), "+": () => zoom(0.66), "=": () => zoom(0.66), "-": () => zoom(1.5), Escape: () => hover(null) };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); } };
  const point = (event) => { const box = $("curve-hover"), d = event.target.dataset; if (!d || d.i === undefined) { box.style.display = "none"; return; }
    const at = event.target.getBoundingClientRect(), canvas = $("curve").getBoundingClientRect(); box.textContent = dayText(+d.s, F.series[+d.s].daily[+d.i]); box.style.display = "block";
    box.style.left = `${Math.max(0, Math.min(at.left - canvas.left - 60, canvas.width - box.offsetWidth))}px`; box.style.top = `${Math.max(0, at.top - canvas.top - box.offsetHeight - 8)}px`; };
  const leave = () => { $("curve-hover").style.display = "none"; };
  for (const [name, act] of [["pointermove", point], ["focusin", point], ["focusout", leave], ["pointerleave", leave]]) $("curve").addEventListener(name, act);
}
if (wish.has("onepage")) document.documentElement.classList.add("onepage");
if (wish.has("only")) { document.documentElement.classList.add("only"); const wanted = $(wish.get("only")); if (wanted) { wanted.classList.add("wanted"); $("caption").hidden = false; } }
if (Object.hasOwn(F.shapes.frames, wish.get("frame"))) state.frame = wish.get("frame");
drawMap(); listen(); setFrame(F.shapes.frames[state.frame]); draw();
document.documentElement.dataset.ready = "1";
