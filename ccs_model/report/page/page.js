// Draws every chart of the page from the block of data beside it, then says so on the document.
(function () {
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  const views = [];
  const places = Array.from(document.querySelectorAll("[data-chart]"));
  const drawn = places.map(function (place) {
    const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    return vegaEmbed(place, spec, Object.assign({ downloadFileName: place.id }, options)).then(function (made) {
      if ((spec.params || []).some(function (each) { return each.name === "rung"; })) {
        views.push(made.view);
      }
    }).catch(function (error) {
      place.textContent = "This chart could not be drawn: " + error.message;
      place.classList.add("failed");
      console.error(error);
    });
  });
  // A budget chosen with the slider: its plan in words, on the map, along the curve and as a list.
  const slider = document.getElementById("budget");
  const show = function () {
    const plans = JSON.parse(document.getElementById("budget-plans").textContent);
    const rung = Number(slider.value);
    const plan = plans[rung];
    document.getElementById("budget-said").textContent = plan.said;
    document.getElementById("budget-words").textContent = plan.words;
    slider.setAttribute("aria-valuetext", plan.said);
    const body = document.querySelector("#budget-list tbody");
    body.replaceChildren.apply(body, plan.rows.map(function (cells) {
      const line = document.createElement("tr");
      cells.forEach(function (text, at) {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (at >= plan.numbersFrom) {
          cell.className = "n";
        }
        line.appendChild(cell);
      });
      return line;
    }));
    return Promise.all(views.map(function (view) {
      return view.signal("rung", rung).runAsync();
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
