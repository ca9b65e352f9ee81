// Charts by uPlot. An element says what it shows:
//   <div class="chart" data-chart="/queues/9/history.json?range=1h"   where the figures are
//        data-series="ready unacked"  names: their colours are --w-<name> of tokens.css
//        data-labels="Ready,Unacked"  words for the legend; between bars if one has a comma
//                                     a name with _before is the same curve earlier: dashed
//        data-every="10"              seconds between refreshes; none without it
//        data-stepped                 a value holds until the next one (depths)
//        data-colours="ready unacked" names of colours, where they aren't those of the series
//        data-bytes                   values are bytes: shown in KiB, MiB, …
//        data-limit="3000"            a dashed line, and data-limit-label what it is
//        data-mark="1764312000"       a line at this time (Unix seconds), and data-mark-label why
//        data-unit="/s"></div>
// The answer, by columns: {"from": seconds, "to": seconds, "at": [seconds], "ready": [number | null], …}.
// null is a gap and stays one. Dragging sets ?from=&to= of the page; charts of a page share the crosshair.
const charts = new Map();
const space = "\u202f";

function grouped(value) {
  const rounded = Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
  const [whole, part] = rounded.split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, space) + (part ? `.${part}` : "");
}

function short(value) {
  if (Math.abs(value) >= 1e9) return `${+(value / 1e9).toFixed(1)}G`;
  if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toFixed(1)}M`;
  if (Math.abs(value) >= 1e4) return `${+(value / 1e3).toFixed(1)}k`;
  return String(+value.toFixed(2));
}

function sized(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(units.length - 1, value >= 1 ? Math.floor(Math.log2(value) / 10) : 0);
  const amount = value / 1024 ** power;
  return `${+amount.toFixed(amount < 10 ? 1 : 0)} ${units[power]}`;
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--w-${name}`).trim();
}

const BEFORE = "_before";

function colour(name) {
  return token(name.endsWith(BEFORE) ? name.slice(0, -BEFORE.length) : name);
}

function note(chart, text) {
  let element = chart.box.querySelector(".chart-note");
  if (!text) return element?.remove();
  if (!element) {
    element = document.createElement("p");
    element.className = "chart-note";
    chart.box.append(element);
  }
  element.textContent = text;
}

function legend(chart) {
  const list = document.createElement("ul");
  list.className = "chart-legend";
  chart.outputs = chart.names.map((name, i) => {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = `swatch swatch-${chart.colours[i].replace(BEFORE, "")}${name.endsWith(BEFORE) ? " swatch-before" : ""}`;
    const value = document.createElement("output");
    item.append(swatch, chart.labels[i] ?? name, value);
    list.append(item);
    return value;
  });
  chart.when = document.createElement("li");
  chart.when.className = "chart-when";
  list.append(chart.when);
  chart.box.append(list);
}

// The newest known value, unless it is older than a thirtieth of what is shown: then there is a gap
// at the end, and it shows. The very last step is hardly ever known yet.
function latest(chart, values) {
  const times = chart.data[0];
  const oldest = chart.to - (chart.to - chart.from) / 30;
  for (let i = values.length - 1; i >= 0 && times[i] >= oldest; i--) if (values[i] != null) return i;
  return values.length - 1;
}

function showValues(chart, index) {
  chart.when.textContent = index == null ? "" : moment(chart.data[0][index], chart.to - chart.from);
  chart.names.forEach((name, i) => {
    const values = chart.data[i + 1] ?? [];
    const value = values[index ?? latest(chart, values)];
    chart.outputs[i].textContent = value == null ? "—" : (chart.bytes ? sized(value) : grouped(value)) + chart.unit;
  });
}

// Messages come in whole ones: no line of the grid at 0.2 of a message.
const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

function options(chart) {
  const paths = chart.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined;
  const axis = { stroke: token("muted"), font: "11px Inter, sans-serif", ticks: { show: false } };
  return {
    width: chart.plot.clientWidth,
    height: Number(chart.box.dataset.height ?? 200),
    legend: { show: false },
    cursor: { sync: { key: "page", setSeries: false }, drag: { x: true, y: false }, points: { size: 6 } },
    select: { show: true },
    scales: {
      x: { range: () => [chart.from, chart.to] },
      y: { range: (_u, _low, high) => [0, top(chart, high)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, space: 70, values: (u, splits) => splits.map((at) => clock(at, chart.to - chart.from)) },
      { ...axis, grid: { stroke: token("grid"), width: 1 }, size: chart.bytes ? 60 : 48, values: (_u, splits) => splits.map(chart.bytes ? sized : short), ...(chart.stepped ? { incrs: WHOLE } : {}) },
    ],
    series: [
      {},
      ...chart.names.map((name, i) => ({
        label: chart.labels[i] ?? name,
        stroke: colour(chart.colours[i]),
        width: 1.5,
        dash: name.endsWith(BEFORE) ? [5, 4] : undefined,
        fill: chart.names.length < 3 && i === 0 ? `${colour(chart.colours[i])}1f` : undefined,
        paths,
        spanGaps: false,
        points: { show: (u, s, from, to) => lonely(u, s), size: 4 },
      })),
    ],
    hooks: {
      draw: [(u) => lines(chart, u)],
      setCursor: [(u) => showValues(chart, u.cursor.idx ?? undefined)],
      setSelect: [(u) => zoom(chart, u)],
    },
  };
}

// The limit is part of the picture once the figures come near it.
function top(chart, high) {
  const limit = Number(chart.box.dataset.limit || 0);
  const most = limit && high * 2 >= limit ? Math.max(high, limit) : high;
  return most > 0 ? most * 1.08 : 1;
}

// The limit and the mark, each with its label.
function lines(chart, u) {
  const { limit, limitLabel, mark, markLabel } = chart.box.dataset;
  const { left, top: above, width, height } = u.bbox;
  const scale = devicePixelRatio;
  const line = (x1, y1, x2, y2, label, x, y, right) => {
    u.ctx.save();
    u.ctx.strokeStyle = u.ctx.fillStyle = token("bad");
    u.ctx.lineWidth = scale;
    u.ctx.setLineDash([5 * scale, 4 * scale]);
    u.ctx.beginPath();
    u.ctx.moveTo(x1, y1);
    u.ctx.lineTo(x2, y2);
    u.ctx.stroke();
    u.ctx.font = `${11 * scale}px Inter, sans-serif`;
    u.ctx.textAlign = right ? "right" : "left";
    u.ctx.fillText(label ?? "", x, y);
    u.ctx.restore();
  };
  if (limit) {
    const y = u.valToPos(Number(limit), "y", true);
    if (y >= above) line(left, y, left + width, y, limitLabel, left + 4 * scale, y + 13 * scale, false);
  }
  if (mark) {
    const x = u.valToPos(Number(mark), "x", true);
    const right = x > left + width / 2;
    const beside = x + (right ? -4 : 4) * scale;
    if (x >= left && x <= left + width) line(x, above, x, above + height, markLabel, beside, above + height - 6 * scale, right);
  }
}

// A value between two gaps has no line of its own: show it as a point.
function lonely(u, series) {
  const values = u.data[series];
  return values.some((v, i) => v != null && values[i - 1] == null && values[i + 1] == null);
}

function clock(at, span) {
  const date = new Date(at * 1000);
  const two = (n) => String(n).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (span <= 600) return `${time}:${two(date.getSeconds())}`;
  if (span <= 90000) return time;
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return date.getHours() || date.getMinutes() ? `${day} ${time}` : day;
}

// The time under the pointer, with its zone: the rest of the page says UTC.
function moment(at, span) {
  if (at == null) return "";
  const zone = { timeZoneName: "short", hour12: false };
  const time = { hour: "2-digit", minute: "2-digit", second: span <= 90000 ? "2-digit" : undefined };
  const day = { day: "numeric", month: "short" };
  return new Date(at * 1000).toLocaleString("en-GB", { ...(span > 43200 ? day : {}), ...time, ...zone });
}

function zoom(chart, u) {
  if (u.select.width < 8) return;
  const from = u.posToVal(u.select.left, "x");
  const to = u.posToVal(u.select.left + u.select.width, "x");
  const url = new URL(location.href);
  url.searchParams.delete("range");
  url.searchParams.set("from", new Date(from * 1000).toISOString().slice(0, 19) + "Z");
  url.searchParams.set("to", new Date(to * 1000).toISOString().slice(0, 19) + "Z");
  location.assign(url);
}

function draw(chart) {
  if (!chart.plot.clientWidth) return;
  chart.u?.destroy();
  chart.u = new uPlot(options(chart), chart.data, chart.plot);
  showValues(chart);
}

// Charts of the same figures ask for them once. Null: the session has ended, and the page reloads.
const pending = new Map();

function figures(address) {
  if (!pending.has(address)) {
    pending.set(address, ask(address).finally(() => pending.delete(address)));
  }
  return pending.get(address);
}

async function ask(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (response.redirected) {
    location.reload();
    return null;
  }
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

async function load(chart) {
  chart.asked = performance.now();
  let answer;
  try {
    answer = await figures(chart.box.dataset.chart);
    if (!answer) return;
  } catch {
    chart.box.dataset.state = "failed";
    if (!chart.u) note(chart, "Couldn’t load the figures. Retrying shortly.");
    return;
  }
  chart.data = [answer.at, ...chart.names.map((name) => answer[name] ?? answer.at.map(() => null))];
  [chart.from, chart.to] = [answer.from, answer.to];
  const known = chart.data.slice(1).some((values) => values.some((value) => value != null));
  note(chart, known ? "" : (chart.box.dataset.empty ?? "No data in this period."));
  if (chart.u) {
    chart.u.setData(chart.data);
    if (chart.u.cursor.idx == null) showValues(chart);
  } else draw(chart);
  chart.box.dataset.state = "shown";
  chart.box.dataset.points = String(answer.at.length);
  chart.box.dispatchEvent(new CustomEvent("warren:chart", { bubbles: true, detail: answer }));
}

function start(box) {
  const { series = "", labels = "", unit = "", colours = series } = box.dataset;
  const chart = { box, colours: colours.split(" "), bytes: "bytes" in box.dataset, names: series.split(" ").filter(Boolean), labels: labels.split(labels.includes("|") ? "|" : ","), unit, stepped: "stepped" in box.dataset, data: [[]] };
  legend(chart);
  chart.plot = document.createElement("div");
  chart.plot.className = "chart-plot";
  box.append(chart.plot);
  charts.set(box, chart);
  new ResizeObserver(() => {
    const width = chart.plot.clientWidth;
    if (chart.u && width && width !== chart.u.width) chart.u.setSize({ width, height: chart.u.height });
    else if (!chart.u && chart.data[0].length) draw(chart);
  }).observe(chart.plot);
  load(chart);
}

for (const box of document.querySelectorAll("[data-chart]")) start(box);

document.addEventListener("warren:theme", () => {
  for (const chart of charts.values()) if (chart.u) draw(chart);
});
setInterval(() => {
  if (document.hidden) return;
  for (const chart of charts.values()) {
    const every = Number(chart.box.dataset.every || 0) * 1000;
    if (every && performance.now() - chart.asked >= every) load(chart);
  }
}, 500);
