"""The report in a browser, from disk: no errors, no network, nothing clipped; tables that sort, folds that open."""

import json
import shutil

import numpy as np
import pytest
from reported import PAPER, make_given
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from workflow_scripts.reporting.cells import list_subjects, make_tables, read_material
from workflow_scripts.reporting.drawing import save_figure
from workflow_scripts.reporting.formats import FORMATS, lay_out
from workflow_scripts.reporting.page import make_page
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.scorecard import make_scorecards

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


def write_report(folder, given):
    """Write the page as the rules do, with its tables and figures."""
    material, paper = read_material(given["path"], [given["meta"]], given["datasets"], []), read_paper(PAPER)
    tables, figures = folder / "tables", folder / "figures"
    for part in (tables, figures):
        (part / paper.name).mkdir(parents=True)
    for table in (*make_scorecards(material, paper), *map(lay_out, make_tables(material, paper))):
        for ending in ("json", "csv", "tex"):
            (tables / f"{table.place.stem}.{ending}").write_text(FORMATS[ending](table))
    for place, figure, subject in list_subjects(material, paper, [], {"toy": given["meta"].parent}):
        save_figure(figure.draw(subject), figures / place.stem, figure.interactive)
        if figure.interactive:
            (figures / f"{place.stem}.json").write_text(figure.draw_interactive(subject))
    shown = {"tables": tables, "figures": figures, "attacks": folder / "no.json", "runs": [], "evaluators": []}
    html = make_page("toy", given["path"], [PAPER], [given["meta"]], given["datasets"], **shown)
    (folder / "index.html").write_text(html)


@pytest.fixture(scope="module")
def report(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, make_given(folder, np.random.default_rng(0)))
    return f"file://{folder}/index.html"


@pytest.fixture
def page(report, browser):
    browser.get("about:blank")
    browser.get(report)
    return browser


def wait(page, script, message, *arguments):
    WebDriverWait(page, 30, poll_frequency=0.05).until(lambda _: page.execute_script(script, *arguments), message)


def read_column(table, number):
    """All cells at one moment: the rows move between two commands of the driver."""
    script = "return [...arguments[0].tBodies[0].rows].map(row => row.cells[arguments[1]].innerText.trim())"
    return table.parent.execute_script(script, table, number)


def follow(page, place):
    page.execute_script("location.hash = arguments[0]", place)
    shown = "const e = document.getElementById(arguments[0]); return e.open && e.querySelector('div').clientHeight > 0"
    wait(page, shown, "the fold did not open", place)
    return page.find_element(By.ID, place)


def draw(page, chart):
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    wait(page, "return arguments[0].querySelectorAll('.plot .main-svg').length > 0", "no plot was drawn", chart)


def test_nothing_is_wider_than_a_phone_and_contents_are_folded_there(page):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.refresh()
    page.execute_script("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    for chart in page.find_elements(By.CSS_SELECTOR, ".drawable"):
        draw(page, chart)
    clipped = """
        const width = document.documentElement.clientWidth;
        const over = [...document.querySelectorAll("body *")].filter(
            (part) => part.getBoundingClientRect().right > width + 1 && !part.closest(".scroll, .still, svg"));
        return [width, document.documentElement.scrollWidth, over.map((part) => part.outerHTML.slice(0, 80))]"""
    assert page.execute_script(clipped) == [390, 390, []]
    # The label of a line stays in sight where its table is scrolled.
    sticky = """
        const box = [...document.querySelectorAll(".scroll")].find((box) => box.scrollWidth > box.clientWidth + 150);
        box.scrollLeft = 150;
        const left = (element) => element.getBoundingClientRect().left;
        return left(box.querySelector("tbody th:nth-child(2)")) - left(box)"""
    assert 0 <= page.execute_script(sticky) < 2
    page.refresh()
    assert not page.execute_script("return document.querySelector('.contents details').open")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.refresh()
    assert page.execute_script("return document.querySelector('.contents details').open")


def test_every_chart_is_a_drawing_without_a_script(page, report):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.get(report)
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    charts = page.find_elements(By.CSS_SELECTOR, ".chart")
    assert len(charts) > 1
    drawn = "return arguments[0].querySelectorAll('.still > svg path, .still > img').length"
    assert all(page.execute_script(drawn, chart) for chart in charts)
    assert not page.find_elements(By.CSS_SELECTOR, ".plot")


def test_the_page_works_from_disk(page):
    assert page.get_log("browser") == []
    table = follow(page, "table.contextssl/toy.main").find_element(By.TAG_NAME, "table")
    headers = [header.text.strip(" ▴▾") for header in table.find_elements(By.CSS_SELECTOR, "thead th")]
    column = headers.index("Rotation R2, pooled")
    before = read_column(table, column)
    header = table.find_elements(By.CSS_SELECTOR, "thead th")[column]
    header.send_keys(Keys.ENTER)  # by keyboard
    WebDriverWait(page, 30).until(lambda _: read_column(table, column) != before, "the rows did not move")
    numbers = [float(text.split()[0]) for text in read_column(table, column) if text[:1] in "-.0123456789" and text]
    assert len(numbers) > 3
    assert numbers == sorted(numbers)
    assert sorted(before) == sorted(read_column(table, column))

    chart = page.find_element(By.ID, "figure.contextssl/toy.context_curves")
    draw(page, chart)
    plot = chart.find_element(By.CSS_SELECTOR, ".plot")
    visible = "return arguments[0].data.filter(line => line.visible !== 'legendonly').length"
    count = page.execute_script(visible, plot)
    toggle = plot.find_element(By.CSS_SELECTOR, ".legendtoggle")
    webdriver.ActionChains(page).click(toggle).perform()
    WebDriverWait(page, 30).until(lambda _: page.execute_script(visible, plot) < count, "no line was switched off")

    button = page.find_element(By.CSS_SELECTOR, "button[data-copy$=LaTeX]")
    text = page.execute_script("return document.getElementById(arguments[0].dataset.copy).value", button)
    assert text.startswith(r"\begin{table}")
    page.execute_script("arguments[0].click()", button)
    copied = "return arguments[0].textContent === 'Copied'"
    wait(page, copied, "nothing was copied", button)
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
