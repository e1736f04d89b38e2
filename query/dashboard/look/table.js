// Table that the server sorts, filters and pages. Text is inserted as text nodes, never as HTML.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function heading(model, column) {
  if (!column.sortable) return element("th", {title: column.doc, class: column.kind}, column.label);
  const down = model.sort === `-${column.name}`, up = model.sort === column.name;
  const button = element("button", {type: "button", title: column.doc}, column.label, up ? " ▲" : down ? " ▼" : "");
  button.addEventListener("click", () => { model.sort = up ? `-${column.name}` : column.name; });
  const sorted = up ? "ascending" : down ? "descending" : "none";
  return element("th", {class: column.kind, "aria-sort": sorted}, button);
}

function cell(column, value) {
  if (value.href) return element("td", {class: column.kind}, element("a", {href: value.href}, value.text));
  return element("td", {class: column.kind, title: value.title ?? null}, value.text);
}

function body(model) {
  if (model.words) return element("p", {class: "words"}, model.words);
  return element("div", {class: "scroll"}, element("table", {},
    element("thead", {}, element("tr", {}, ...model.columns.map((each) => heading(model, each)))),
    element("tbody", {}, ...model.rows.map((row) =>
      element("tr", {}, ...model.columns.map((each, index) => cell(each, row[index] ?? {text: ""})))))));
}

function pager(model) {
  if (!model.total) return "";
  const first = model.total ? (model.page - 1) * model.page_size + 1 : 0;
  const last = Math.min(model.page * model.page_size, model.total);
  const back = element("button", {type: "button", disabled: model.page <= 1, "aria-label": "Previous page"}, "‹");
  const next = element("button", {type: "button", disabled: last >= model.total, "aria-label": "Next page"}, "›");
  back.addEventListener("click", () => { model.page -= 1; });
  next.addEventListener("click", () => { model.page += 1; });
  const numbers = [first, last, model.total].map((each) => each.toLocaleString("en"));
  return element("span", {class: "pager"}, back, ` ${numbers[0]}–${numbers[1]} of ${numbers[2]}${model.of} `, next);
}

function bounds(model) {
  const choice = element("select", {"aria-label": "Column"}, element("option", {value: ""}, "no limits"),
    ...model.columns.filter((each) => each.bounded).map((each) => element("option", {value: each.name}, each.label)));
  const [name, least, greatest] = `${model.where}::`.split(":");
  choice.value = name;
  const ends = [["at least", least], ["at most", greatest]].map(([label, value]) =>
    element("input", {type: "text", inputmode: "decimal", placeholder: label, "aria-label": label, value}));
  const update = () => { model.where = choice.value ? [choice.value, ...ends.map((each) => each.value)].join(":") : ""; };
  for (const each of [choice, ...ends]) each.addEventListener("change", update);
  return element("span", {class: "bounds"}, choice, ...(choice.value ? ends : []));
}

export function render({model, el}) {
  const draw = () => {
    el.replaceChildren(
      element("div", {class: "tools"}, model.columns.some((each) => each.bounded) ? bounds(model) : "", pager(model)),
      body(model));
  };
  for (const name of ["columns", "rows", "words", "total", "page", "sort", "where"]) model.on(name, draw);
  draw();
}
