// Lines of code with a button that copies them.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text); // only for pages of this machine or over https
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

export function render({model, el}) {
  const block = document.createElement("div"), code = document.createElement("pre");
  const button = document.createElement("button");
  block.className = "code";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    button.textContent = (await copy(model.code)) ? "Copied" : "Select and copy";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  const draw = () => { code.textContent = model.code; };
  model.on("code", draw);
  draw();
  block.append(code, button);
  el.replaceChildren(block);
}
