// Sorts and filters the table of a data set.
"use strict";
(() => {
  const table = document.getElementById("objects");
  if (!table) return;
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const value = (row, n) => {
    const text = row.cells[n].dataset.value, number = Number(text);
    return text !== "" && !Number.isNaN(number) ? number : text;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  for (const button of table.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const n = Number(button.dataset.sort), head = button.closest("th");
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      const sign = order === "ascending" ? 1 : -1;
      for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", order);
      const sorted = [...body.rows].sort((a, b) => sign * compare(value(a, n), value(b, n)));
      body.append(...sorted);
    });
  }
  const open = document.getElementById("open"), find = document.getElementById("find"), count = document.getElementById("count");
  const filter = () => {
    const word = find.value.trim().toLowerCase();
    let left = 0;
    for (const row of body.rows) {
      const hit = (!open.checked || row.dataset.accepted === "0") && row.textContent.toLowerCase().includes(word);
      row.hidden = !hit;
      left += hit;
    }
    count.textContent = left < body.rows.length ? `${left} of ${body.rows.length} shown` : "";
  };
  open.addEventListener("change", filter);
  find.addEventListener("input", filter);
})();
