// Sorting and plots are the libraries' (DataTable, Plotly); this hands them what stands in the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const settle = () => document.documentElement.classList.toggle("dark", dark.matches);

for (const table of document.querySelectorAll("table.sortable")) {
  new DataTable(table, {paging: false, searching: false, info: false, order: [], autoWidth: false});
}

function draw() {
  const color = getComputedStyle(document.body).color;
  const axis = {color, gridcolor: "rgba(128,128,128,.25)", zerolinecolor: "rgba(128,128,128,.5)"};
  for (const place of document.querySelectorAll(".plot")) {
    const {data, layout} = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const axes = Object.keys(layout).filter((key) => /^[xy]axis/.test(key));
    const styled = Object.fromEntries(axes.map((key) => [key, {...layout[key], ...axis}]));
    Plotly.react(place, data, {...layout, ...styled, font: {color}}, {responsive: true, displaylogo: false});
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value);
    } catch { // a page from disk may not be allowed to
      source.hidden = false;
      source.select();
      document.execCommand("copy");
      source.hidden = true;
    }
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

dark.addEventListener("change", () => { settle(); draw(); });
settle();
draw();
