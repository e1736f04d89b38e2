// Frame of a page: URL in the address bar, navigation links that keep the filters, and refreshing.
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
