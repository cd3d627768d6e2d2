"""The documentation builds as a site in strict mode, loads no external resources and covers every command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ccs_model
from ccs_model.cli import group
from tests.paths import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site in a subprocess; a broken link is an error."""
    pytest.importorskip("mkdocs", reason="the site is built where the extra is installed: ccs-model[docs]")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", ".mkdocs.yml", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        # The README of a folder is its index.
        name = "index.html" if page.name == "README.md" else f"{page.stem}.html"
        assert (site / page.parent.relative_to(ROOT / "docs") / name).is_file(), page
    assert (site / "data" / "dictionary.csv").is_file()


def test_links_and_images_refer_to_files_of_the_site(site: Path) -> None:
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page.relative_to(site)}: {target}"


def test_pages_load_no_external_resources(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', text)
        loaded += re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|icon)"[^>]+href="(https?:[^"]+)"', text)
        assert loaded == [], page.name


def test_the_reference_lists_every_command_public_name_and_scenario_section(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f"ccs-model {name}" in commands for name in group.commands)
    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert all(re.search(rf'id="ccs_model\.[\w.]*\b{name}"', python) for name in ccs_model.__all__)
    scenario = (site / "reference" / "scenario.html").read_text(encoding="utf-8")
    assert all(f"<code>{key}</code>" in scenario for key in ccs_model.Scenario.model_fields)
