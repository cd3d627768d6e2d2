// Sorts, searches and saves tables; a long table shows its first rows until all are asked for.
(function () {
  // Rows that are laid out at a time, so that the page answers while a long table appears.
  const batch = 100;
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
  // "1,234", "−5" and "1.5 %" as numbers; a dash for a missing value comes last.
  const value = function (cell) {
    return parseFloat(cell.textContent.replace(/,/g, "").replace("−", "-"));
  };
  const plain = function (cell) {
    const text = cell.innerText.trim().replace(/\s+/g, " ");
    if (cell.classList.contains("n") && cell.tagName === "TD") {
      return text === "–" ? "" : text.replace(/,/g, "").replace("−", "-").replace(" %", "%");
    }
    return /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
  };
  const line = function (cells) {
    return Array.from(cells).map(function (cell) {
      const text = plain(cell);
      return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
    }).join(",");
  };
  const save = function (name, text) {
    const link = document.createElement("a");
    // The mark tells Excel that the text is UTF-8.
    link.href = URL.createObjectURL(new Blob(["\ufeff" + text], { type: "text/csv" }));
    link.download = name + ".csv";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  };

  document.querySelectorAll("[data-table]").forEach(function (root) {
    const tools = root.querySelector(".tools");
    const wide = root.querySelector(".wide");
    const body = root.querySelector("tbody");
    const heads = Array.from(root.querySelectorAll("thead th"));
    const hint = root.querySelector(".more");
    const state = { text: "", all: false, period: 1e9, rows: [], frame: 0 };
    const scrolls = function () {
      hint.hidden = wide.scrollWidth <= wide.clientWidth + 1;
    };
    new ResizeObserver(scrolls).observe(wide);
    if (!tools) {
      return;
    }
    const search = tools.querySelector("input");
    const status = tools.querySelector("[role=status]");
    const all = tools.querySelector("[data-do=all]");
    const reveal = function (from) {
      state.rows.slice(from, from + batch).forEach(function (row) { row.hidden = false; });
      if (from + batch < state.rows.length) {
        state.frame = requestAnimationFrame(function () { reveal(from + batch); });
      }
    };
    const show = function () {
      const most = state.all || state.text ? Infinity : Number(root.dataset.first) || Infinity;
      const matching = Array.from(body.rows).filter(function (row) {
        row.hidden = true;
        return Number(row.dataset.from || 0) <= state.period &&
          row.textContent.replaceAll("\u00a0", " ").toLocaleLowerCase().includes(state.text);
      });
      state.rows = matching.slice(0, most);
      cancelAnimationFrame(state.frame);
      reveal(0);
      tools.classList.toggle("whole", state.rows.length === body.rows.length);
      status.textContent = status.dataset.of.replaceAll("{0}", state.rows.length).replaceAll("{1}", body.rows.length);
      if (all) {
        all.hidden = Boolean(state.text) || (!state.all && matching.length <= most);
        all.setAttribute("aria-expanded", String(state.all));
        all.textContent = state.all ? all.dataset.fewer : all.dataset.all.replaceAll("{0}", matching.length);
      }
      scrolls();
    };
    const sort = function (at) {
      const isNumber = heads[at].classList.contains("n");
      const sign = heads[at].ariaSort === "descending" ? -1 : 1;
      const rows = Array.from(body.rows).sort(function (a, b) {
        const x = a.cells[at], y = b.cells[at];
        if (!isNumber) {
          return sign * order.compare(x.textContent, y.textContent);
        }
        const p = value(x), q = value(y);
        return isNaN(p) || isNaN(q) ? isNaN(p) - isNaN(q) : sign * (p - q);
      });
      body.append.apply(body, rows);
    };
    heads.forEach(function (head, at) {
      const button = document.createElement("button");
      button.type = "button";
      button.append.apply(button, Array.from(head.childNodes));
      head.appendChild(button);
      button.addEventListener("click", function () {
        const isDown = head.ariaSort ? head.ariaSort === "ascending" : head.classList.contains("n");
        heads.forEach(function (each) { each.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        sort(at);
        show();
      });
    });
    // Other rows have come: they are sorted as those before.
    root.addEventListener("ccs-rows", function () {
      const at = heads.findIndex(function (head) { return head.ariaSort; });
      if (at >= 0) {
        sort(at);
      }
    });
    if (search) {
      search.addEventListener("input", function () {
        state.text = search.value.trim().toLocaleLowerCase();
        show();
      });
    }
    if (all) {
      all.addEventListener("click", function () {
        state.all = !state.all;
        show();
      });
    }
    tools.querySelector("[data-do=csv]").addEventListener("click", function () {
      state.rows.forEach(function (row) { row.hidden = false; });
      const total = Array.from(root.querySelectorAll("tfoot tr"));
      save(root.dataset.table, [line(heads)].concat(state.rows.concat(total).map(function (row) {
        return line(row.cells);
      })).join("\r\n") + "\r\n");
    });
    document.addEventListener("ccs-select", function (event) {
      state.period = event.detail.period;
      Array.from(body.rows).forEach(function (row) {
        if (row.dataset.of) {
          row.classList.toggle("current", Number(row.dataset.of) === state.period);
        }
      });
      show();
    });
    tools.hidden = false;
    show();
  });
})();
