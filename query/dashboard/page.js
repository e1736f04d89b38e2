// The page's frame: the address in the browser's bar, links that keep the filters, and reading again.
(() => {
  const SHARED = ["band", "tile", "nite", "box", "every"]; // what other pages filter by, too
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

  // a wall must not be left with the browser's error page while the server is away
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

  window.goodpixAddress = (query) => write(query);

  document.addEventListener("DOMContentLoaded", () => {
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
  });
})();
