// Draws the figures that stand in the page as JSON, in the style sheet's colours.
"use strict";
(() => {
  const style = () => getComputedStyle(document.documentElement);
  const colour = (value, css) => {
    const found = /^var\((--[a-z0-9-]+)\)$/.exec(value);
    return found ? css.getPropertyValue(found[1]).trim() : value;
  };
  // Only what plotly takes for a colour is replaced: names and labels stay as they are.
  const coloured = (value, css) => {
    if (Array.isArray(value)) return value.map((item) => coloured(item, css));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [
      key, typeof item === "string" && key.toLowerCase().endsWith("color") ? colour(item, css) : coloured(item, css),
    ]));
  };
  const axis = (css, given) => ({
    gridcolor: css.getPropertyValue("--edge"), zerolinecolor: css.getPropertyValue("--edge"),
    linecolor: css.getPropertyValue("--faint"), automargin: true, fixedrange: false, ...given,
  });
  const draw = (script) => {
    const place = document.getElementById(script.dataset.figure);
    const css = style();
    const { data, layout } = coloured(JSON.parse(script.textContent), css);
    const full = {
      height: Number(place.dataset.height), margin: { l: 52, r: 12, t: 8, b: 36 }, autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: css.getPropertyValue("--muted") },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      hoverlabel: { bgcolor: css.getPropertyValue("--panel"), font: { color: css.getPropertyValue("--ink") } },
      ...layout, showlegend: Boolean(layout.showlegend) && window.innerWidth > 640,
      xaxis: axis(css, layout.xaxis), yaxis: axis(css, layout.yaxis),
    };
    return Plotly.react(place, data, full, { responsive: true, displaylogo: false, displayModeBar: false });
  };
  const all = () => document.querySelectorAll("script[data-figure]").forEach(draw);
  if (window.Plotly) all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
