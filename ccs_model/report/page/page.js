// Draws every chart of the page from the block of data beside it, then says so on the document.
(function () {
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  const places = Array.from(document.querySelectorAll("[data-chart]"));
  const drawn = places.map(function (place) {
    const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    return vegaEmbed(place, spec, Object.assign({ downloadFileName: place.id }, options)).catch(function (error) {
      place.textContent = "This chart could not be drawn: " + error.message;
      place.classList.add("failed");
      console.error(error);
    });
  });
  Promise.all(drawn).then(function () {
    document.documentElement.dataset.charts = String(document.querySelectorAll("[data-chart] svg.marks").length);
  });
})();
