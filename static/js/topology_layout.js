// Places the objects of a map (topology.js), in a worker. Messages flow from left to right: an object stands one
// column after the last one that sends to it. In: {nodes: [{id, kind, keys}], edges: [{from, to, what}]}, where keys
// is the number of edges that end there. Out: {width, height, at: {id: {x, y, w, h}}, ends: [{x1, y1, x2, y2}]} in
// the order of the edges.
const EXCHANGE = 176;
const QUEUE = 318; // the box of 220, and its consumers beside it
const BOX = 220;
const GAP = { column: 150, row: 14, part: 34 };
const PORT = 15;
const MOST_PORTS = 10;
const TIMES = 8;

function grouped(rows, key) {
  const found = new Map();
  for (const row of rows) {
    if (!found.has(row[key])) found.set(row[key], []);
    found.get(row[key]).push(row);
  }
  return found;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// The edges without those that close a circle. Bindings come first, so a loop of dead letters is cut at the dead letter.
function withoutCircles(edges) {
  const next = new Map();
  const reaches = (from, to) => {
    const seen = new Set([from]);
    const left = [from];
    while (left.length) {
      const at = left.pop();
      if (at === to) return true;
      for (const one of next.get(at) ?? []) {
        if (!seen.has(one)) {
          seen.add(one);
          left.push(one);
        }
      }
    }
    return false;
  };
  const solid = (edge) => (edge.what === "binding" ? 0 : 1);
  return [...edges]
    .sort((a, b) => solid(a) - solid(b))
    .filter((edge) => {
      if (edge.from === edge.to || (next.has(edge.to) && reaches(edge.to, edge.from))) return false;
      if (!next.has(edge.from)) next.set(edge.from, []);
      next.get(edge.from).push(edge.to);
      return true;
    });
}

// The column of each object: one after the last that sends to it; what nothing sends to is right before its first target.
function columns(nodes, edges) {
  const out = grouped(edges, "from");
  const waiting = new Map(nodes.map((node) => [node.id, 0]));
  for (const edge of edges) waiting.set(edge.to, waiting.get(edge.to) + 1);
  const column = new Map(nodes.map((node) => [node.id, 0]));
  const sources = nodes.filter((node) => !waiting.get(node.id));
  const left = sources.map((node) => node.id);
  while (left.length) {
    const id = left.shift();
    for (const edge of out.get(id) ?? []) {
      column.set(edge.to, Math.max(column.get(edge.to), column.get(id) + 1));
      waiting.set(edge.to, waiting.get(edge.to) - 1);
      if (!waiting.get(edge.to)) left.push(edge.to);
    }
  }
  for (const node of sources) {
    const targets = (out.get(node.id) ?? []).map((edge) => column.get(edge.to));
    if (targets.length) column.set(node.id, Math.min(...targets) - 1);
  }
  return column;
}

function parts(nodes, edges) {
  const leader = new Map(nodes.map((node) => [node.id, node.id]));
  const find = (id) => {
    while (leader.get(id) !== id) {
      leader.set(id, leader.get(leader.get(id)));
      id = leader.get(id);
    }
    return id;
  };
  for (const edge of edges) leader.set(find(edge.from), find(edge.to));
  const found = new Map();
  for (const node of nodes) {
    const id = find(node.id);
    if (!found.has(id)) found.set(id, []);
    found.get(id).push(node);
  }
  return [...found.values()].sort((a, b) => b.length - a.length);
}

// Few crossings: each column is sorted by where the neighbours of its objects are, forth and back.
function order(rows, near) {
  const place = new Map();
  const number = (row) => row.forEach((node, i) => place.set(node.id, (i + 0.5) / row.length));
  rows.forEach(number);
  for (let time = 0; time < TIMES; time += 1) {
    const sweep = time % 2 ? [...rows].reverse() : rows;
    for (const row of sweep) {
      const wanted = new Map(
        row.map((node) => {
          const others = near.get(node.id).filter((id) => !row.some((one) => one.id === id));
          return [node.id, others.length ? mean(others.map((id) => place.get(id))) : place.get(node.id)];
        }),
      );
      row.sort((a, b) => wanted.get(a.id) - wanted.get(b.id) || (a.id < b.id ? -1 : 1));
      number(row);
    }
  }
}

// As near as possible to the wanted middles, in this order and without overlaps (pool adjacent violators).
function settle(row, wanted) {
  const offsets = [0];
  for (let i = 1; i < row.length; i += 1) offsets.push(offsets[i - 1] + (row[i - 1].h + row[i].h) / 2 + GAP.row);
  const blocks = [];
  row.forEach((node, i) => {
    let block = { sum: wanted[i] - offsets[i], size: 1 };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).size > block.sum / block.size) {
      const before = blocks.pop();
      block = { sum: block.sum + before.sum, size: block.size + before.size };
    }
    blocks.push(block);
  });
  let i = 0;
  for (const block of blocks) {
    for (let n = 0; n < block.size; n += 1, i += 1) row[i].middle = block.sum / block.size + offsets[i];
  }
}

// Sets `middle` of each object of a part; returns the part's height.
function stack(rows, near, byId) {
  const high = (row) => row.reduce((sum, node) => sum + node.h + GAP.row, 0);
  const anchor = rows.reduce((best, row, i) => (high(row) > high(rows[best]) ? i : best), 0);
  const pack = (row) => settle(row, row.map(() => 0));
  rows.forEach(pack);
  const draw = (i, others) => {
    const wanted = rows[i].map((node) => {
      const middles = near.get(node.id).filter(others).map((id) => byId.get(id).middle);
      return middles.length ? mean(middles) : node.middle;
    });
    settle(rows[i], wanted);
  };
  for (let i = anchor - 1; i >= 0; i -= 1) draw(i, (id) => byId.get(id).column > i);
  for (let i = anchor + 1; i < rows.length; i += 1) draw(i, (id) => byId.get(id).column < i);
  for (let i = 0; i < rows.length; i += 1) if (i !== anchor) draw(i, (id) => byId.get(id).column !== i);
  const all = rows.flat();
  const top = Math.min(...all.map((node) => node.middle - node.h / 2));
  for (const node of all) node.middle -= top;
  return Math.max(...all.map((node) => node.middle + node.h / 2));
}

function ends(edges, at) {
  const into = grouped(edges.map((edge, i) => ({ ...edge, i })), "to");
  const found = [];
  for (const [id, arriving] of into) {
    const end = at[id];
    arriving.sort((a, b) => at[a.from].y - at[b.from].y || a.i - b.i);
    const room = Math.min(PORT, (end.h - 8) / arriving.length);
    arriving.forEach((edge, n) => {
      const start = at[edge.from];
      const box = edge.what === "dead_letter" ? BOX : start.w;
      const y2 = end.y + end.h / 2 + (n - (arriving.length - 1) / 2) * room;
      const below = edge.what === "dead_letter";
      const labelled = room >= PORT || arriving.length === 1;
      // What goes back leaves and arrives below, out of the way of what goes forth.
      found[edge.i] =
        start.x > end.x
          ? { x1: start.x + 24, y1: start.y + start.h, x2: end.x + (end.w === QUEUE ? BOX : end.w) - 24, y2: end.y + end.h, labelled }
          : {
              x1: start.x + box - (below ? 24 : 0),
              y1: below ? start.y + start.h : start.y + start.h / 2,
              x2: start.x < end.x ? end.x : end.x + (end.w === QUEUE ? BOX : end.w),
              y2,
              labelled,
            };
    });
  }
  return found;
}

function layout({ nodes: given, edges }) {
  const compact = given.length > 120;
  const nodes = given.map((node) => ({
    ...node,
    w: node.kind === "queue" ? QUEUE : EXCHANGE,
    h: Math.max(compact ? 38 : 46, Math.min(node.keys, MOST_PORTS) * PORT + 8),
  }));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const near = new Map(nodes.map((node) => [node.id, []]));
  for (const edge of edges) {
    near.get(edge.from).push(edge.to);
    near.get(edge.to).push(edge.from);
  }
  const joined = parts(nodes.filter((node) => near.get(node.id).length), edges);
  const flow = withoutCircles(edges);
  const column = columns(nodes, flow);
  for (const node of nodes) node.column = column.get(node.id);
  let top = 0;
  let last = 0;
  for (const part of joined) {
    const first = Math.min(...part.map((node) => node.column));
    const rows = [];
    for (const node of part) {
      node.column -= first;
      (rows[node.column] ??= []).push(node);
    }
    for (let i = 0; i < rows.length; i += 1) rows[i] ??= [];
    last = Math.max(last, rows.length - 1);
    const filled = rows.filter((row) => row.length);
    filled.forEach((row, i) => row.forEach((node) => (node.column = i)));
    order(filled, near);
    const height = stack(filled, near, byId);
    for (const node of part) node.y = top + node.middle - node.h / 2;
    top += height + GAP.part;
  }
  const wide = [];
  for (const part of joined) for (const node of part) wide[node.column] = Math.max(wide[node.column] ?? 0, node.w);
  const left = [0];
  wide.forEach((width, i) => left.push(left[i] + width + GAP.column));
  for (const part of joined) for (const node of part) node.x = left[node.column];
  // What is connected with nothing, side by side below.
  const width = Math.max((left.at(-1) ?? 0) - GAP.column, 2 * QUEUE + 24);
  let x = 0;
  let high = 0;
  for (const node of nodes.filter((one) => !near.get(one.id).length)) {
    if (x && x + node.w > width) {
      x = 0;
      top += high + GAP.row;
      high = 0;
    }
    Object.assign(node, { x, y: top });
    x += node.w + 24;
    high = Math.max(high, node.h);
  }
  const at = Object.fromEntries(nodes.map((node) => [node.id, { x: node.x, y: node.y, w: node.w, h: node.h }]));
  return {
    width: Math.max(0, ...nodes.map((node) => node.x + node.w)),
    height: Math.max(0, ...nodes.map((node) => node.y + node.h)),
    at,
    ends: ends(edges, at),
  };
}

self.addEventListener("message", (event) => self.postMessage({ of: event.data.of, ...layout(event.data) }));
