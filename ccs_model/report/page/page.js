// Draws each chart from its data block, then writes the number of charts drawn to data-charts of the document.
(function () {
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  const views = [];
  const charts = Array.from(document.querySelectorAll("[data-chart]"));
  const drawn = charts.map(function (chart) {
    const spec = JSON.parse(document.getElementById(chart.dataset.chart).textContent);
    return vegaEmbed(chart, spec, Object.assign({ downloadFileName: chart.id }, options)).then(function (result) {
      if ((spec.params || []).some(function (each) { return each.name === "point"; })) {
        views.push(result.view);
      }
    }).catch(function (error) {
      chart.textContent = "This chart could not be drawn: " + error.message;
      chart.classList.add("failed");
      console.error(error);
    });
  });
  // Shows the plan of the selected budget as text, on the map, on the frontier and in the table.
  const slider = document.getElementById("budget");
  const show = function () {
    const plans = JSON.parse(document.getElementById("budget-plans").textContent);
    const point = Number(slider.value);
    const plan = plans[point];
    document.getElementById("budget-summary").textContent = plan.summary;
    document.getElementById("budget-step").textContent = plan.step;
    slider.setAttribute("aria-valuetext", plan.summary);
    const body = document.querySelector("#budget-list tbody");
    body.replaceChildren.apply(body, plan.rows.map(function (cells) {
      const line = document.createElement("tr");
      cells.forEach(function (text, at) {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (at >= plan.firstNumber) {
          cell.className = "n";
        }
        line.appendChild(cell);
      });
      return line;
    }));
    return Promise.all(views.map(function (view) {
      return view.signal("point", point).runAsync();
    }));
  };
  Promise.all(drawn).then(function () {
    if (slider) {
      slider.addEventListener("input", show);
      return show();
    }
  }).then(function () {
    document.documentElement.dataset.charts = String(document.querySelectorAll("[data-chart] svg.marks").length);
  });
})();
