"use strict";
// The figures are made for a light page; in the dark these colours change places.
const DARK = {
  "#1f2328": "#e6e8eb", "#6b7280": "#9aa3ad", "#e5e7eb": "#30363d", "#ffffff": "#16191d",
  "#2c3c9e": "#7d8ef5", "#8a3f9c": "#b86ad0", "#0072B2": "#4aa3d9", "#8a6d3b": "#c4a265",
};
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function painted(value) {
  if (typeof value === "string") return DARK[value] ?? value;
  if (Array.isArray(value)) return value.map(painted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, painted(entry)]));
}

function draw() {
  for (const source of document.querySelectorAll("script[data-figure]")) {
    const made = JSON.parse(source.textContent);
    const { data, layout } = dark.matches ? painted(made) : made;
    const config = {
      responsive: true, displaylogo: false, showSendToCloud: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d"],
    };
    Plotly.react(source.dataset.figure, data, layout, config);
  }
}

function order(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (a === "" || b === "") return (a === "") - (b === "");
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

function sortBy(header) {
  const table = header.closest("table");
  const column = [...header.parentNode.children].indexOf(header);
  const falling = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const key = (row) => row.children[column].dataset.sort;
  const rows = [...table.tBodies[0].rows].sort((a, b) => order(key(a), key(b)));
  table.tBodies[0].append(...(falling ? rows.reverse() : rows));
}

for (const header of document.querySelectorAll("table.sortable thead tr:last-child th")) {
  header.addEventListener("click", () => sortBy(header));
}
dark.addEventListener("change", draw);
draw();
