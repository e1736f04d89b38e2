// Frame of a page: URL in the address bar, navigation links that keep the filters, refreshing, and fitting the window.
(() => {
  const SHARED = ["band", "tile", "nite", "box", "every"]; // parameters that links to other pages keep
  const EVERY = new Set(["60", "600"]);
  let every = new URLSearchParams(location.search).get("every");
  let timer = null;

  function write(query) {
    const search = [query, EVERY.has(every) ? `every=${every}` : ""].filter(Boolean).join("&");
    history.replaceState(null, "", search ? `?${search}` : location.pathname);
    const kept = [...new URLSearchParams(location.search)].filter(([name]) => SHARED.includes(name));
    for (const link of document.querySelectorAll("nav a")) {
      link.search = new URLSearchParams(kept).toString();
    }
  }

  // check first, so that an unattended screen does not get stuck on the browser's error page
  async function again() {
    const answer = await fetch("./alive", {cache: "no-store"}).catch(() => null);
    if (answer?.ok) {
      location.reload();
    } else {
      document.body.classList.add("away");
      wait(10);
    }
  }

  function wait(seconds) {
    clearTimeout(timer);
    timer = seconds > 0 ? setTimeout(again, seconds * 1000) : null;
  }

  // what is made later than the first part of the page goes where that has a place for it
  window.goodpixPlace = () => {
    for (const each of document.querySelectorAll(".placed")) {
      document.getElementById(`place-${each.dataset.place}`).replaceWith(each.firstElementChild);
      each.remove();
    }
  };

  window.goodpixAddress = (query) => write(query);

  // colour of lines and bars: that of the style sheet for dark pages, where it has one
  window.goodpixInk = (colour) => {
    const other = getComputedStyle(document.documentElement).getPropertyValue(`--ink-${String(colour).slice(1)}`);
    return other.trim() || colour;
  };

  // Panel draws a component when its script has been loaded. Where that has happened before Bokeh lists the view of
  // the component, nothing is drawn, and nothing said.
  function drawMissing() {
    for (const view of Bokeh.index.query((each) => each.render_esm != null)) {
      if (!view._rendered && view.container?.childElementCount === 0) view.render_esm();
    }
  }

  // a mask is as wide as the window has room for, so that all of it is seen; its shape stays
  const whole = new Map();
  function fitFrame() {
    const plot = Bokeh.documents[0]?.get_model_by_name("pixel-plot");
    const view = plot && Bokeh.index.find_one(plot);
    const section = document.querySelector("section.picture");
    if (!view || !section || !(plot.inner_width > 0)) return;
    if (!whole.has(plot)) whole.set(plot, [plot.frame_width, plot.frame_height]);
    const [width, height] = whole.get(plot), style = getComputedStyle(section);
    const beside = view.el.getBoundingClientRect().width - plot.inner_width;
    const room = section.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - beside;
    const fitted = Math.max(100, Math.min(width, Math.floor(room)));
    if (fitted !== plot.frame_width) {
      plot.setv({frame_width: fitted, frame_height: Math.round(fitted * height / width)});
    }
  }

  // the style sheet reaches what stands about a plot, but not these
  const dark = matchMedia("(prefers-color-scheme: dark)"), darkened = new WeakSet();
  function darken() {
    const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink").trim();
    for (const model of Bokeh.documents[0]._all_models.values()) {
      if (darkened.has(model)) continue;
      darkened.add(model);
      if (model.type === "ColorBar") model.setv({major_label_text_color: ink, title_text_color: ink});
      if (model.name === "pixel-plot") model.background_fill_color = style.getPropertyValue("--outside").trim();
    }
  }

  // what is seen until the scripts have been loaded makes room for what they draw
  function clearFirst() {
    for (const first of document.querySelectorAll(".at-first")) {
      const drawn = first.nextElementSibling?.querySelector("*")?.shadowRoot;
      if (drawn && [...drawn.children].some((each) => each.getClientRects().length)) first.remove();
    }
  }

  function tend() {
    if (window.Bokeh?.documents?.length) {
      clearFirst();
      drawMissing();
      if (dark.matches) darken();
      fitFrame();
    }
  }

  // called when the header is there, long before the rest of the page: its links may be followed at once
  window.goodpixHeader = () => {
    const chosen = document.getElementById("every");
    const query = location.search.slice(1).split("&").filter((each) => each && !each.startsWith("every=")).join("&");
    chosen.value = EVERY.has(every) ? every : "0";
    write(query);
    wait(Number(chosen.value));
    chosen.addEventListener("change", () => {
      every = chosen.value;
      write(location.search.slice(1).split("&").filter((each) => each && !each.startsWith("every=")).join("&"));
      wait(Number(every));
    });
    document.getElementById("refresh").addEventListener("click", again);
    setInterval(tend, 300);
    // plots are drawn in the colours of the page that was loaded
    dark.addEventListener("change", () => location.reload());
  };
})();
