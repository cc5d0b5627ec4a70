// Sorting and charts are the libraries'. This unpacks plotly when a chart is first seen, hands it what stands in the
// page, and opens what a link points to. Without it every chart is a drawing, and every fold opens by hand.
const isDark = matchMedia("(prefers-color-scheme: dark)");
const isNarrow = matchMedia("(max-width: 40rem)");
const drawn = new Set();
let library;

function unpack() {
  library ??= (async () => {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    return window.Plotly;
  })();
  return library;
}

async function draw(chart) {
  const Plotly = await unpack();
  const {data, layout, narrow} = JSON.parse(chart.querySelector("script").textContent);
  const color = getComputedStyle(document.body).color;
  const axis = {color, gridcolor: "rgba(128,128,128,.25)", zerolinecolor: "rgba(128,128,128,.5)"};
  const whole = {...layout, ...(isNarrow.matches ? narrow : {})};
  const axes = Object.keys(whole).filter((key) => /^[xy]axis/.test(key));
  const styled = Object.fromEntries(axes.map((key) => [key, {...whole[key], ...axis}]));
  let place = chart.querySelector(".plot");
  if (!place) {
    place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", chart.querySelector(".still").getAttribute("aria-label"));
    chart.querySelector(".still").replaceWith(place);
  }
  await Plotly.react(place, data, {...whole, ...styled, font: {color}}, {responsive: true, displayModeBar: false});
  drawn.add(chart);
}

// What is folded is not seen, until it is opened.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((entry) => entry.isIntersecting)) {
    watcher.unobserve(entry.target);
    draw(entry.target).catch(console.error);
  }
}, {rootMargin: "400px"});

function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target?.scrollIntoView();
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

if ("DecompressionStream" in window) document.querySelectorAll(".drawable").forEach((chart) => watcher.observe(chart));
for (const change of [isDark, isNarrow]) change.addEventListener("change", () => drawn.forEach((chart) => draw(chart)));
if (matchMedia("(max-width: 70rem)").matches) document.querySelector(".contents details").open = false;
addEventListener("hashchange", open);
if (location.hash) open();
