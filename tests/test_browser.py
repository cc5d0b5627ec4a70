"""The report in a browser, from disk: no errors, no network, tables that sort, lines that one can switch."""

import json
import shutil

import pytest
from reported import PAPER, make_given
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from workflow_scripts.reporting.cells import list_subjects, make_tables, read_material
from workflow_scripts.reporting.formats import FORMATS, lay_out
from workflow_scripts.reporting.page import make_page
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.drawing import save_figure
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
        save_figure(figure.draw(subject), figures / place.stem)
        if figure.interactive:
            (figures / f"{place.stem}.json").write_text(figure.draw_interactive(subject))
    shown = {"tables": tables, "figures": figures, "faults": folder / "no.json", "runs": [], "evaluators": []}
    html = make_page("toy", given["path"], [PAPER], [given["meta"]], given["datasets"], **shown)
    (folder / "index.html").write_text(html)


@pytest.fixture
def page(random, browser, tmp_path):
    write_report(tmp_path, make_given(tmp_path, random))
    browser.get(f"file://{tmp_path}/index.html")
    drawn = (By.CSS_SELECTOR, ".plot .main-svg")
    WebDriverWait(browser, 30).until(lambda _: browser.find_elements(*drawn), "no plot was drawn")
    return browser


def read_column(table, number):
    """All cells at one moment: the rows move between two commands of the driver."""
    script = "return [...arguments[0].tBodies[0].rows].map(row => row.cells[arguments[1]].innerText.trim())"
    return table.parent.execute_script(script, table, number)


def test_no_chapter_is_wider_than_a_phone(page):
    page.set_window_size(500, 900)
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    WebDriverWait(page, 30).until(lambda _: page.execute_script(wide) <= 0, "something is wider than the window")
    page.set_window_size(1200, 1000)


def test_the_page_works_from_disk(page):
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}

    tables = page.find_elements(By.CSS_SELECTOR, "table.sortable")
    (table,) = (t for t in tables if t.find_element(By.TAG_NAME, "caption").text.startswith("Equivariance"))
    (header,) = [h for h in table.find_elements(By.CSS_SELECTOR, "thead th") if h.text == "Rotation R2 per component"]
    column = [h.text for h in table.find_elements(By.CSS_SELECTOR, "thead th")].index("Rotation R2 per component")
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
