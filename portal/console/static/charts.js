/* Draws each [data-chart] from the JSON block of that name; the table below it says the same without this. */
(function () {
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function draw(place) {
    var data = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    var many = data.labels.map(function (_, n) { return n; });
    var bars = data.kind === "bars";
    var named = function (n) { return data.labels[n] === undefined ? "" : data.labels[n]; };
    var axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    var much = function (value) { return value == null ? "" : (data.unit + " " + value.toLocaleString("en")).trim(); };
    // With nothing pointed at, the newest is told.
    var last = data.beside ? data.values.reduce(function (at, value, n) { return value == null ? at : n; }, 0) : many.length - 1;
    var newest = function (chart) { if (chart.cursor.idx == null) chart.setLegend({ idx: last }, false); };
    place.textContent = "";
    return new uPlot({
      width: place.clientWidth, height: 224, padding: [8, 8, 0, 0],
      scales: { x: { time: false, range: [-.6, many.length - .4] }, y: { range: function (_, low, high) { return [0, Math.max(high * 1.1, 4)]; } } },
      hooks: { ready: [newest], setCursor: [newest] },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      axes: [
        Object.assign({}, axis, { grid: { show: false }, size: 28, space: 56, incrs: [1, 2, 3, 5, 7, 10, 14], values: function (_, all) { return all.map(named); } }),
        Object.assign({}, axis, { size: 64, values: function (_, all) { return all.map(function (each) { return each.toLocaleString("en", { notation: each >= 1e5 ? "compact" : "standard" }); }); } })
      ],
      series: [
        { label: data.over || (bars ? "Day" : "From"), value: function (_, n) { return named(n); } },
        Object.assign({ label: data.what, stroke: colour("--accent"), fill: colour(bars ? "--accent" : "--tint"), width: bars ? 0 : 2, points: { show: false },
          value: function (_, value) { return much(value); } }, bars ? { paths: uPlot.paths.bars({ size: [.7, 40], radius: .15 }) } : {})
      ].concat(data.beside ? [{ label: data.beside_what, stroke: colour("--warn"), width: 2, points: { show: false }, value: function (_, value) { return much(value); } }] : [])
    }, [many, data.values].concat(data.beside ? [data.beside] : []), place);
  }
  function all() {
    document.querySelectorAll("[data-chart]").forEach(function (place) {
      var chart = draw(place);
      new ResizeObserver(function () { chart.setSize({ width: place.clientWidth, height: 224 }); }).observe(place);
    });
  }
  all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    document.querySelectorAll("[data-chart]").forEach(function (place) { draw(place); });
  });
})();
