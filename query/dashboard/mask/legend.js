// Legend of the reasons why pixels are bad, each with its colour and a checkbox to hide it.
export function render({model, el}) {
  const list = document.createElement("div");
  list.className = "legend";
  const draw = () => {
    list.replaceChildren(...model.items.map((item) => {
      const label = document.createElement("label"), box = document.createElement("input");
      const swatch = document.createElement("span"), share = document.createElement("span");
      box.type = "checkbox";
      box.checked = !model.hidden_names.includes(item.name);
      box.disabled = item.name === "";
      box.addEventListener("change", () => {
        const others = model.hidden_names.filter((each) => each !== item.name);
        model.hidden_names = box.checked ? others : [...others, item.name];
      });
      swatch.className = "swatch";
      swatch.style.background = item.colour;
      share.className = "share";
      share.textContent = item.share;
      label.append(box, swatch, item.label, share);
      return label;
    }));
  };
  for (const name of ["items", "hidden_names"]) model.on(name, draw);
  draw();
  el.replaceChildren(list);
}
