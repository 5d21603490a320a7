"use strict";
(() => {
  const form = document.getElementById("filters");
  const rows = [...document.querySelectorAll("tbody tr")];
  const count = document.getElementById("count");
  const none = document.getElementById("none");
  const fields = [...form.querySelectorAll("[data-filter]")];
  const has = (row, name, value) => (row.dataset[name] || "").split("\n").includes(value);
  const tests = {
    text: (row, field) => field.value.toLowerCase().split(/\s+/).every((word) => row.dataset.text.includes(word)),
    word: (row, field) => has(row, field.name, field.value),
    trait: (row, field) => has(row, "traits", field.name) === (field.value === "yes"),
  };
  const show = () => {
    const used = fields.filter((field) => field.value !== "");
    let shown = 0;
    for (const row of rows) {
      row.hidden = !used.every((field) => tests[field.dataset.filter](row, field));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length}`;
    none.hidden = shown > 0;
    return used;
  };
  const store = (used) => {
    const chosen = new URLSearchParams(used.map((field) => [field.name, field.value])).toString();
    // The browser may refuse this for a page from a file. Then the filters cannot be bookmarked.
    try { history.replaceState(null, "", chosen ? `#${chosen}` : location.pathname + location.search); } catch { }
  };
  const load = () => {
    const chosen = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) field.value = chosen.get(field.name) || "";
    for (const field of fields) if (field.selectedIndex === -1) field.value = "";
    if (fields.some((field) => field.dataset.filter === "trait" && field.value !== "")) details.open = true;
    show();
  };
  const clear = () => {
    form.reset();
    store(show());
  };
  const details = form.querySelector("details");
  const search = form.querySelector("[type=search]");
  form.addEventListener("input", () => store(show()));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("reset").addEventListener("click", () => { clear(); search.focus(); });
  addEventListener("hashchange", load);
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      clear();
    }
  });
  form.hidden = false;
  load();
})();
