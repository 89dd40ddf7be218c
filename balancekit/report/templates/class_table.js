// The table of classes: sort, search, filter and turn pages, over rows held as columns.
"use strict";
(() => {
  const source = document.getElementById("class-rows");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const total = data.names.length;
  const perPage = 200;
  const shotNames = ["many", "medium", "few", "none"];
  const lowered = data.names.map((name) => name.toLowerCase());
  const largest = data.columns[0].values.reduce((most, value) => Math.max(most, value), 1);
  const table = document.getElementById("class-table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const find = document.getElementById("class-search");
  const shot = document.getElementById("class-shot");
  const found = document.getElementById("class-found");
  const pages = document.getElementById("class-pages");
  const state = { column: 2, rising: false, page: 0 };
  let shown = [];

  const grouped = (value, digits) => {
    const [whole, rest] = value.toFixed(digits).split(".");
    return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? "." + rest : "");
  };
  const percent = (share) => {
    const value = 100 * share;
    if (value > 0 && value < 0.05) return "<0.1 %";
    if (value >= 99.95 && value < 100) return ">99.9 %";
    return grouped(value, 1) + " %";
  };
  const write = {
    whole: (value) => grouped(value, 0),
    share: percent,
    decimal: (value) => grouped(value, Math.abs(value) < 1000 ? 2 : 0),
    half: (value) => "± " + grouped(100 * value, 0) + " %",
  };

  // Columns of the table: 0 rank, 1 class, 2 … numbers, last the group.
  const last = heads.length - 1;
  const keyOf = (column) => {
    if (column === 0) return (row) => row;
    if (column === 1) return (row) => lowered[row];
    if (column === last) return (row) => Number(data.shots[row]);
    const values = data.columns[column - 2].values;
    return (row) => values[row];
  };

  const select = () => {
    const wanted = find.value.trim().toLowerCase();
    const group = shot.value;
    shown = [];
    for (let row = 0; row < total; row += 1) {
      if (group !== "" && data.shots[row] !== group) continue;
      if (wanted !== "" && !lowered[row].includes(wanted)) continue;
      shown.push(row);
    }
    const key = keyOf(state.column);
    const sign = state.rising ? 1 : -1;
    // Rows without a value stand last in both directions; equal ones keep their rank.
    shown.sort((a, b) => {
      const one = key(a);
      const other = key(b);
      if (one === other) return a - b;
      if (one === null) return 1;
      if (other === null) return -1;
      return one < other ? -sign : sign;
    });
  };

  const cell = (text, name) => {
    const made = document.createElement("td");
    made.className = name;
    made.textContent = text;
    return made;
  };
  const bar = (value) => {
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    drawing.setAttribute("class", "bar");
    drawing.setAttribute("aria-hidden", "true");
    rect.setAttribute("width", value ? Math.max(1, (100 * value) / largest).toFixed(1) + "%" : "0");
    rect.setAttribute("height", "100%");
    drawing.append(rect);
    return drawing;
  };
  const rowOf = (row, place) => {
    const made = document.createElement("tr");
    made.setAttribute("aria-rowindex", place + 2);
    made.append(cell(grouped(row + 1, 0), "n"));
    const name = document.createElement("th");
    name.scope = "row";
    name.title = data.names[row];
    const isolated = document.createElement("bdi");
    isolated.textContent = data.names[row];
    name.append(isolated);
    made.append(name);
    data.columns.forEach((column, number) => {
      const value = column.values[row];
      const text = value === null ? "–" : write[column.kind](value);
      if (number > 0) {
        made.append(cell(text, "n"));
        return;
      }
      const first = cell("", "n");
      const inside = document.createElement("div");
      inside.className = "count";
      inside.append(bar(value), text);
      first.append(inside);
      made.append(first);
    });
    made.append(cell(shotNames[data.shots[row]], ""));
    return made;
  };

  const draw = () => {
    const start = state.page * perPage;
    const rows = shown.slice(start, start + perPage);
    body.replaceChildren(...rows.map((row, place) => rowOf(row, start + place)));
    table.setAttribute("aria-rowcount", shown.length + 1);
    const nPages = Math.max(1, Math.ceil(shown.length / perPage));
    pages.hidden = nPages === 1;
    const [first, previous, next, end] = pages.querySelectorAll("button");
    first.disabled = previous.disabled = state.page === 0;
    next.disabled = end.disabled = state.page >= nPages - 1;
    pages.querySelector("span").textContent = rows.length
      ? "rows " + grouped(start + 1, 0) + "–" + grouped(start + rows.length, 0) + " of " + grouped(shown.length, 0)
      : "no rows";
    heads.forEach((head, column) => {
      const sorted = column === state.column;
      if (sorted) head.setAttribute("aria-sort", state.rising ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
      head.querySelector("span").textContent = sorted ? (state.rising ? "▲" : "▼") : "\u00a0";
    });
  };
  const count = () => {
    const all = grouped(total, 0) + " " + (total === 1 ? found.dataset.one : found.dataset.many);
    found.textContent = shown.length === total ? all : grouped(shown.length, 0) + " of " + all;
  };
  const renew = () => {
    state.page = 0;
    select();
    draw();
    count();
  };
  const turn = (page) => {
    state.page = page;
    draw();
    table.parentElement.scrollTop = 0;
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    const mark = document.createElement("span");
    button.type = "button";
    mark.setAttribute("aria-hidden", "true");
    button.append(...head.childNodes, mark);
    button.addEventListener("click", () => {
      const textual = column < 2 || column === last;
      state.rising = state.column === column ? !state.rising : textual;
      state.column = column;
      renew();
    });
    head.append(button);
  });
  let waiting = 0;
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(renew, total > 5000 ? 150 : 0);
  });
  shot.addEventListener("change", renew);
  const [first, previous, next, end] = pages.querySelectorAll("button");
  first.addEventListener("click", () => turn(0));
  previous.addEventListener("click", () => turn(state.page - 1));
  next.addEventListener("click", () => turn(state.page + 1));
  end.addEventListener("click", () => turn(Math.ceil(shown.length / perPage) - 1));
  document.getElementById("class-tools").hidden = false;
  renew();
})();
