// Draws the charts, and lets one period and one budget control move map, charts, figures and tables.
(function () {
  const texts = document.querySelector("main").dataset;
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
    i18n: {
      CLICK_TO_VIEW_ACTIONS: texts.menu, SVG_ACTION: texts.save.replace("{0}", "SVG"), PNG_ACTION: texts.save.replace("{0}", "PNG"),
    },
  };
  const views = [], all = [];
  const charts = Array.from(document.querySelectorAll("[data-chart]"));
  const period = document.getElementById("period");
  const budget = document.getElementById("budget");
  const selected = { period: period ? Number(period.value) : 1e9, budget: budget ? Number(budget.value) : -1 };
  // Names beside an axis take up to a part of the width; on a narrow screen titles and legends break into lines.
  const NARROW_PX = 420;
  const length = function (text) {
    return Array.from(text).reduce(function (sum, c) { return sum + (c.charCodeAt(0) > 0x2e7f ? 2 : 1); }, 0);
  };
  const fit = function (part, most) {
    const axis = part.encoding && part.encoding.x;
    if (axis && typeof axis.title === "string" && length(axis.title) > most) {
      axis.title = axis.title.split(/(?<=[ ，])/).reduce(function (lines, word) {
        const last = lines.length - 1;
        return last >= 0 && length(lines[last] + word.trim()) <= most
          ? lines.slice(0, last).concat(lines[last] + word) : lines.concat(word);
      }, []);
    }
    (part.layer || []).forEach(function (each) { fit(each, most); });
  };
  const drawn = charts.map(function (chart) {
    const spec = JSON.parse(document.getElementById(chart.dataset.chart).textContent);
    const width = chart.clientWidth;
    spec.config.axisY.labelLimit = Math.min(Math.max(0.45 * width, 140), 420);
    fit(spec, (width - 110) / 6.5);
    if (width < NARROW_PX) {
      spec.config.legend.columns = 1;
      spec.height += typeof spec.height === "number" ? 30 : 0;
    }
    return vegaEmbed(chart, spec, Object.assign({ downloadFileName: chart.id }, options)).then(function (result) {
      all.push(result.view);
      (spec.params || []).forEach(function (each) { views.push([result.view, each.name]); });
      chart.querySelectorAll("summary").forEach(function (each) { each.setAttribute("aria-label", "SVG / PNG"); });
    }).catch(function (error) {
      chart.textContent = "This chart could not be drawn: " + error.message;
      chart.classList.add("failed");
      console.error(error);
    });
  });
  // What has the focus stays below the controls while they stick to the top.
  const bar = document.querySelector(".controls");
  new ResizeObserver(function () {
    const height = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
    document.documentElement.style.scrollPaddingTop = height + 8 + "px";
  }).observe(bar);
  const signals = { period: "period", point: "budget" };
  const showCharts = function () {
    return Promise.all(views.map(function (each) {
      return each[0].signal(each[1], selected[signals[each[1]]]).runAsync();
    }));
  };
  const showBudget = function () {
    const plan = JSON.parse(document.getElementById("budget-plans").textContent)[selected.budget];
    document.getElementById("budget-summary").textContent = plan.summary;
    document.getElementById("budget-step").textContent = plan.step;
    document.getElementById("budget-name").textContent = plan.name;
    budget.setAttribute("aria-valuetext", plan.summary);
    const list = document.querySelector("#budget-list [data-table]");
    const body = list.querySelector("tbody");
    body.replaceChildren.apply(body, plan.rows.map(function (cells) {
      const row = document.createElement("tr");
      cells.forEach(function (text, at) {
        const cell = document.createElement(at ? "td" : "th");
        cell.textContent = text;
        cell.className = at >= plan.firstNumber ? "n" : "";
        row.appendChild(cell);
      });
      row.firstChild.scope = "row";
      return row;
    }));
    list.dispatchEvent(new CustomEvent("ccs-rows"));
  };
  const show = function () {
    document.querySelectorAll("[data-periods]").forEach(function (each) {
      const texts = JSON.parse(each.dataset.periods);
      each.textContent = texts[Math.min(selected.period, texts.length - 1)];
    });
    if (period) {
      period.setAttribute("aria-valuetext", document.getElementById("period-name").textContent);
    }
    if (budget) {
      showBudget();
    }
    document.dispatchEvent(new CustomEvent("ccs-select", { detail: Object.assign({}, selected) }));
    return showCharts();
  };
  // On paper the charts are drawn for the width of a page (A4 with the margins of the style sheet), or half of it.
  const PAPER_PX = 688, HALF_PX = 332;
  window.addEventListener("beforeprint", function () {
    all.forEach(function (view) { view.width(view.container().closest(".pair") ? HALF_PX : PAPER_PX).run(); });
  });
  window.addEventListener("afterprint", function () { window.dispatchEvent(new Event("resize")); });
  // A printed page shows every warning.
  const warnings = document.querySelector(".warnings details");
  if (warnings) {
    let wasOpen = false;
    window.addEventListener("beforeprint", function () { wasOpen = warnings.open; warnings.open = true; });
    window.addEventListener("afterprint", function () { warnings.open = wasOpen; });
  }
  [[period, "period"], [budget, "budget"]].forEach(function (each) {
    if (each[0]) {
      each[0].closest(".controls").hidden = false;
      each[0].addEventListener("input", function () {
        selected[each[1]] = Number(each[0].value);
        show();
      });
    }
  });
  Promise.all(drawn).then(show).then(function () {
    document.documentElement.dataset.charts = String(document.querySelectorAll("[data-chart] svg.marks").length);
  });
})();
