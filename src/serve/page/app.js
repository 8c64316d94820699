"use strict";
// The page asks the same API as everybody else. Values become text nodes, never HTML.
const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat();
const MAX_SHOWN = 1000;
let token = "";
let running = null; // {id, abort}

async function call(method, path, body, signal) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal});
  $("token-form").hidden = response.status !== 401;
  return response;
}

const quote = (name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : '"' + name.replaceAll('"', '""') + '"');
const make = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};

function bytes(n) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit++; }
  return (unit && n < 10 ? n.toFixed(1) : Math.round(n)) + " " + units[unit];
}

function duration(seconds) {
  if (seconds < 1) return Math.round(seconds * 1000) + " ms";
  if (seconds < 60) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 172800) return Math.floor(seconds / 3600) + " h";
  return Math.floor(seconds / 86400) + " days";
}

// --- how it is ---------------------------------------------------------------------------------

function showHealth(kind, text) {
  $("health").className = "health " + kind;
  $("health-text").textContent = text;
}

function showStatus(s) {
  const load = s.load;
  $("version").textContent = "weir " + s.version + " · " + s.engine;
  $("address").textContent = s.address;
  $("events").textContent = whole.format(load.events);
  $("events-note").textContent = "since start · " + whole.format(load.duplicates) + " duplicates, " + whole.format(load.discards) + " discards";
  $("lag").textContent = load.waiting ? duration(load.lag_seconds) : "none";
  $("lag-note").textContent = load.waiting ? whole.format(load.waiting) + " requests wait" : load.last_commit_at ? "last load " + duration(Math.max(0, (Date.now() - Date.parse(load.last_commit_at)) / 1000)) + " ago" : "nothing arrived yet";
  $("size").textContent = bytes(s.warehouse.bytes + s.warehouse.wal_bytes);
  $("size-note").textContent = "up " + duration(s.uptime_seconds);
  $("queries").textContent = whole.format(s.query.running);
  $("queries-note").textContent = "running · " + whole.format(s.query.done) + " answered, " + whole.format(s.query.failed) + " failed";
  if (!s.warehouse.well) showHealth("bad", "reopening the warehouse");
  else if (load.error) showHealth("bad", "loading fails: " + load.error);
  else if (load.lag_seconds > 10) showHealth("warn", "running, loading is " + duration(load.lag_seconds) + " behind");
  else showHealth("good", "running");
}

async function refreshStatus() {
  try {
    const response = await call("GET", "/api/status");
    if (response.ok) showStatus(await response.json());
    else showHealth("warn", response.status === 401 ? "token needed" : "the server answers " + response.status);
  } catch {
    showHealth("bad", "the server does not answer");
  }
}

// --- tables --------------------------------------------------------------------------------------

let tables = [];
let ages = new Map();

// One statement asks every table for its newest event.
async function refreshAges() {
  const timed = tables.filter((t) => !t.view && t.columns.some((c) => c.name === "received_at" && c.type === "timestamp")).slice(0, 100);
  if (!timed.length) return;
  const sql = timed.map((t, i) => "select " + i + " as i, max(received_at) as at from " + quote(t.schema) + "." + quote(t.name)).join(" union all ");
  const response = await call("POST", "/api/query", {sql, limits: {timeout: 5}});
  if (!response.ok) return;
  ages = new Map((await response.json()).rows.filter((row) => row[1]).map((row) => [timed[row[0]], Date.parse(row[1])]));
}

function tableRow(t) {
  const row = make("tr");
  const cell = make("td");
  const name = make("button", t.name, "name");
  name.type = "button";
  name.title = t.columns.map((c) => c.name + " " + c.engine_type).slice(0, 60).join("\n");
  name.addEventListener("click", () => {
    $("sql").value = "select * from " + quote(t.schema) + "." + quote(t.name) + "\nlimit 100";
    run();
  });
  cell.append(name);
  const at = ages.get(t);
  row.append(cell, make("td", t.view ? "view" : t.rows === null ? "" : whole.format(t.rows), "num"),
    make("td", at ? duration(Math.max(0, (Date.now() - at) / 1000)) + " ago" : "", "age"));
  return row;
}

function drawTables() {
  const wanted = $("filter").value.toLowerCase();
  const shown = tables.filter((t) => (t.schema + "." + t.name).toLowerCase().includes(wanted));
  const table = make("table");
  let schema = null, body = null;
  for (const t of shown.slice(0, 2000)) {
    if (t.schema !== schema) {
      schema = t.schema;
      const head = make("thead", undefined, "schema"), row = make("tr");
      row.append(make("th", schema), make("th", "rows", "num"), make("th", "newest", "num"));
      head.append(row);
      body = make("tbody");
      table.append(head, body);
    }
    body.append(tableRow(t));
  }
  const empty = make("p", tables.length ? "No table has this name." : "No tables yet: send an event, and its table appears.", "muted empty");
  $("tables").replaceChildren(shown.length ? table : empty);
}

async function refreshTables() {
  try {
    const response = await call("GET", "/api/schema");
    if (!response.ok) return;
    tables = (await response.json()).tables;
    await refreshAges();
    drawTables();
    if (!$("sql").value && tables.length) {
      const first = tables.find((t) => t.name === "tracks") ?? tables[0];
      $("sql").value = "select * from " + quote(first.schema) + "." + quote(first.name) + "\nlimit 100";
    }
  } catch { /* the status line says it */ }
}

// --- queries ---------------------------------------------------------------------------------------

const isNumber = (c) => c.type === "int" || c.type === "double" || /^(DECIMAL\(\d+,\d+\)|U?HUGEINT|UBIGINT)$/.test(c.engine_type);

function drawResult(columns, rows) {
  const table = make("table"), head = make("thead"), names = make("tr"), body = make("tbody");
  const numeric = columns.map(isNumber);
  columns.forEach((c, i) => {
    const th = make("th", c.name, numeric[i] ? "num" : "");
    th.append(make("span", c.engine_type.toLowerCase(), "type"));
    names.append(th);
  });
  for (const values of rows.slice(0, MAX_SHOWN)) {
    const row = make("tr");
    values.forEach((value, i) => {
      const text = value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value);
      const td = make("td", text, value === null ? "null" : numeric[i] ? "num" : "");
      if (text.length > 60) td.title = text.slice(0, 4000);
      row.append(td);
    });
    body.append(row);
  }
  head.append(names);
  table.append(head, body);
  $("result").replaceChildren(table);
  $("result").hidden = false;
}

function showError(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

function markPosition(position) {
  if (!position) return;
  const box = $("sql"), encoded = new TextEncoder().encode(box.value).slice(0, position.offset);
  const at = new TextDecoder().decode(encoded).length;
  box.focus();
  box.setSelectionRange(at, at + (/^\w+/.exec(box.value.slice(at))?.[0].length ?? 1));
}

async function run() {
  const sql = $("sql").value;
  if (running || !sql.trim()) return;
  running = {id: "", abort: new AbortController()};
  $("run").disabled = true;
  $("cancel").hidden = false;
  $("outcome").textContent = "running…";
  showError("");
  const began = performance.now();
  try {
    const response = await call("POST", "/api/query", {sql, limits: {rows: MAX_SHOWN}}, running.abort.signal);
    running.id = response.headers.get("X-Weir-Query-Id") ?? "";
    const answer = await response.json();
    if (response.ok) {
      drawResult(answer.columns, answer.rows);
      $("outcome").textContent = whole.format(answer.row_count) + (answer.row_count === 1 ? " row" : " rows") + (answer.truncated ? " (there are more)" : "") + " in " + duration((performance.now() - began) / 1000);
    } else {
      const p = answer.error.position;
      showError((p ? "line " + p.line + ", column " + p.column + ": " : "") + answer.error.message);
      markPosition(p);
      $("outcome").textContent = "";
      $("result").hidden = true;
    }
  } catch (error) {
    $("outcome").textContent = "";
    if (error.name === "AbortError") $("outcome").textContent = "canceled";
    else showError("The server did not answer to the end.");
  } finally {
    running = null;
    $("run").disabled = false;
    $("cancel").hidden = true;
  }
}

$("run").addEventListener("click", run);
$("cancel").addEventListener("click", () => running?.abort.abort()); // the server sees it, and stops
$("sql").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});
$("filter").addEventListener("input", drawTables);
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  refresh();
});

async function refresh() {
  await refreshStatus();
  await refreshTables();
}
refresh();
setInterval(() => document.hidden || refreshStatus(), 2000);
setInterval(() => document.hidden || refreshTables(), 15000);
