"""The report in a browser, from disk: no errors, no network, tables that sort, lines that one can switch."""

import json
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_reporting import PAPER, given  # noqa: F401 (a fixture)

from workflow_scripts.reporting.cells import make_tables, read_material
from workflow_scripts.reporting.formats import FORMATS, lay_out
from workflow_scripts.reporting.interactive import draw_curves
from workflow_scripts.reporting.page import make_page
from workflow_scripts.reporting.plots import plot_curves, save_figure

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def browser():
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("chromium or chromedriver is not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1200,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture
def page(given, browser, tmp_path):  # noqa: F811 (the fixture)
    material = read_material(given["path"], [given["meta"]], given["datasets"], [])
    tables, figures = [], []
    for table in make_tables(material, [PAPER]):
        stem = f"{table.view.scope}.{table.view.name}"
        for ending in ("json", "csv", "tex"):
            tables.append(tmp_path / f"{stem}.{ending}")
            tables[-1].write_text(FORMATS[ending](lay_out(table)))
        if table.view.figure:
            (tmp_path / "figures").mkdir(exist_ok=True)
            save_figure(plot_curves(table), tmp_path / "figures" / stem)
            figures += [tmp_path / "figures" / f"{stem}.{ending}" for ending in ("png", "json")]
            figures[-1].write_text(draw_curves(table).to_json())
    shown = {"tables": tables, "figures": figures, "times": [], "faults": tmp_path / "no.json", "runs": []}
    html = make_page("toy", given["path"], [PAPER], [given["meta"]], **shown, datasets=given["datasets"])
    (tmp_path / "index.html").write_text(html)
    browser.get(f"file://{tmp_path}/index.html")
    drawn = (By.CSS_SELECTOR, ".plot .main-svg")
    WebDriverWait(browser, 30).until(lambda _: browser.find_elements(*drawn), "no plot was drawn")
    return browser


def read_column(table, number):
    """All cells at one moment: the rows move between two commands of the driver."""
    script = "return [...arguments[0].tBodies[0].rows].map(row => row.cells[arguments[1]].innerText.trim())"
    return table.parent.execute_script(script, table, number)


def test_the_page_works_from_disk(page):
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}

    table = page.find_element(By.CSS_SELECTOR, "table.sortable")
    (header,) = [h for h in table.find_elements(By.CSS_SELECTOR, "thead th") if h.text == "Rotation R2"]
    column = [h.text for h in table.find_elements(By.CSS_SELECTOR, "thead th")].index("Rotation R2")
    before = read_column(table, column)
    header.find_element(By.CSS_SELECTOR, "[role=button], [tabindex]").send_keys(Keys.ENTER)  # by keyboard
    WebDriverWait(page, 30).until(lambda _: read_column(table, column) != before, "the rows did not move")
    numbers = [float(text.split()[0]) for text in read_column(table, column) if text[:1] in "-.0123456789" and text]
    assert len(numbers) > 3
    assert numbers == sorted(numbers)
    assert sorted(before) == sorted(read_column(table, column))

    plot = page.find_element(By.CSS_SELECTOR, ".plot")
    visible = "return arguments[0].data.filter(line => line.visible !== 'legendonly').length"
    count = page.execute_script(visible, plot)
    toggle = plot.find_element(By.CSS_SELECTOR, ".legendtoggle")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    webdriver.ActionChains(page).click(toggle).perform()
    WebDriverWait(page, 30).until(lambda _: page.execute_script(visible, plot) < count, "no line was switched off")

    button = page.find_element(By.CSS_SELECTOR, "button[data-copy$=LaTeX]")
    text = page.execute_script("return document.getElementById(arguments[0].dataset.copy).value", button)
    assert text.startswith(r"\begin{table}")
    page.execute_script("arguments[0].click()", button)
    WebDriverWait(page, 30, poll_frequency=0.1).until(lambda _: button.text == "Copied", "nothing was copied")
    assert page.get_log("browser") == []
