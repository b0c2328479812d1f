"""The page: one file, no request, everything escaped, everything in it."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.errors import BadInput
from bench.selfcheck import rates
from reports import page, plots, selfcheck
from tests.reports.shown import Maker, Record

PNG = b"\x89PNG"


class Reader(HTMLParser):
    """Collects the attributes that name a place, the ids, and checks that tags are balanced."""

    VOID = frozenset({"meta", "img", "link", "br", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.places += [value for name in ("src", "href", "srcset", "action") if (value := values.get(name))]
        self.ids += [value] if (value := values.get("id")) else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def html(run: Record, summary: Record, **options: Any) -> str:
    """The page without its figures, which have tests of their own."""
    return page.render(run, summary, [], **options)


def test_the_page_and_its_pictures_are_written(records: tuple[Record, Record], tmp_path: Path) -> None:
    written = page.write(*records, tmp_path)
    assert written == tmp_path / "report.html"
    pictures = sorted(path.stem for path in (tmp_path / "figures").iterdir())
    assert pictures == [
        name
        for name in plots.names()
        if not name.startswith(
            ("selfcheck", "pipeline", "memory", "reproduction", "causes", "alignment_alone", "roofline", "device_ratio")
        )
    ]
    assert all(path.read_bytes().startswith(PNG) for path in (tmp_path / "figures").iterdir())
    text = written.read_text()
    assert text.count("data:image/png;base64,") == len(pictures)
    assert "could not be drawn" not in text
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_page_asks_for_nothing(records: tuple[Record, Record], tmp_path: Path) -> None:
    text = page.write(*records, tmp_path).read_text()
    reader = Reader(text)
    assert all(place.startswith(("#", "data:")) for place in reader.places)
    assert not reader.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text


def test_every_link_within_the_page_arrives(records: tuple[Record, Record]) -> None:
    reader = Reader(html(*records))
    assert reader.open == []
    assert {place[1:] for place in reader.places if place.startswith("#")} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


@pytest.mark.parametrize("where", ["label", "reason", "implementation", "command", "fact", "note", "banner", "group"])
def test_what_records_say_is_escaped(where: str, records: tuple[Record, Record]) -> None:
    run, summary = records
    evil = "<script>alert(1)</script>"
    lost = next(row for row in summary["cases"] if row["status"] == "failed")
    if where in ("reason", "implementation", "group"):
        lost.update({where: evil, "case": evil})
    elif where == "fact":
        run["machine"]["facts"]["cpu"][evil] = {"value": evil, "unit": None, "source": evil, "kind": "queried"}
    elif where == "note":
        summary["notes"] = [evil]
    else:
        run[where] = [evil] if where == "command" else evil
    text = html(run, summary, banner=evil if where == "banner" else None)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_name_with_markup_is_drawn_and_escaped(records: tuple[Record, Record]) -> None:
    run, summary = records
    for row in (*summary["cases"], *summary["comparisons"]):
        if row["implementation"] == "torch_manual":
            row.update(implementation="<script>$x_$", case="<script>$x_$")
    pictures = page.draw(run, summary)
    assert {picture.problem for picture in pictures} == {""}
    assert "<script>$" not in page.render(run, summary, pictures)


def test_synthetic_images_are_named_in_title_tables_and_heading(maker: Maker) -> None:
    text = html(*maker(synthetic=True))
    assert re.search(r"<title>.*synthetic images</title>", text)
    assert re.search(r"<h1>.*synthetic images", text)
    assert re.search(r"<summary>Training steps.*synthetic images", text)
    assert not re.search(r"<summary>Matrix products.*synthetic images", text)
    assert 'class="tag"' not in html(*maker())


def test_verdicts_are_worded_chips(records: tuple[Record, Record]) -> None:
    text = html(*records)
    for verdict in ("faster", "slower", "equivalent"):
        assert f'<span class="chip {verdict}">{verdict}</span>' in text
    assert "faster (!)" in text


def test_verdict_words_in_sentences_are_set_apart() -> None:
    assert page.emphasised("is slower & `a<b`") == 'is <b class="slower">slower</b> &amp; <code>a&lt;b</code>'


def test_the_banner_stands_above_everything(records: tuple[Record, Record]) -> None:
    text = html(*records, banner="interrupted: 3 of 8 launches")
    assert text.index("interrupted: 3 of 8") < text.index("<h1>")
    assert 'class="banner"' not in html(*records)


def test_a_banner_in_the_record_is_shown(records: tuple[Record, Record]) -> None:
    run, summary = records
    assert 'role="status">one after the other' in html(run | {"banner": "one after the other"}, summary)


def title_of(run: Record, summary: Record) -> str:
    found = re.search(r"<title>(.*)</title>", html(run, summary))
    assert found is not None
    return found[1]


def test_each_page_s_title_names_its_studies_and_its_machine(records: tuple[Record, Record]) -> None:
    run, summary = records
    where = "AMD EPYC 7B13, 2 cores · quick preset · 2026-11-22 15:00 UTC · mlpbench"
    assert title_of(run, summary) == f"Training steps and matrix products · {where}"
    for study, name in (("accuracy", "Learning"), ("pipeline", "Input pipeline"), ("alignment", "Matrix products")):
        alone = {"cases": [{"study": study, "group": "g", "case": "c", "status": "failed"}]}
        assert title_of(run, alone) == f"{name} · {where}"
    assert re.search(r"<h1>Training steps and matrix products · AMD EPYC", html(run, summary))


@pytest.mark.parametrize(
    ("label", "told"),
    [("here", "AMD EPYC 7B13, 2 cores, 7.451 GiB of memory"), ("my AMD EPYC 7B13", "2 cores, 7.451 GiB of memory")],
)
def test_below_the_title_are_processor_cores_and_memory(records: tuple[Record, Record], label: str, told: str) -> None:
    run, summary = records
    assert f'<p class="machine">{told}</p>' in html(run | {"label": label}, summary).replace("\xa0", " ")


def test_a_study_without_a_name_of_its_own_is_called_what_it_is() -> None:
    assert (
        title_of({"label": "here"}, {"cases": [{"study": "mine", "group": "g", "case": "c"}]})
        == "mine · here · mlpbench"
    )
    assert title_of({}, {}) == "Nothing measured · unknown machine · mlpbench"


def test_skips_and_failures_have_their_reasons(records: tuple[Record, Record]) -> None:
    text = html(*records)
    assert "NumPy has no bfloat16" in text
    assert "out of memory, limit 2 GB" in text


def test_facts_have_source_and_kind_and_unknown_is_an_answer(maker: Maker) -> None:
    text = html(*maker(steered=True))
    row = re.search(r"<tr><td[^>]*>governor</td>.*?</tr>", text, re.DOTALL)
    assert row is not None
    assert "unknown" in row[0]
    assert "no such folder" in row[0]


def test_steering_variables_have_a_table_of_their_own(maker: Maker) -> None:
    run, summary = maker(steered=True)
    run["machine"]["facts"]["software"]["OPENBLAS_CORETYPE"]["source"] = "environment"
    assert "Variables that steer libraries" in html(run, summary)
    assert "Variables that steer libraries" not in html(*maker())


def test_the_command_can_be_pasted(records: tuple[Record, Record]) -> None:
    run, summary = records
    run["command"] = ["mlpbench", "run", "--label", "two words"]
    assert "mlpbench run --label &#39;two words&#39;" in html(run, summary)


@pytest.mark.parametrize("out", [["--out", "runs/here"], ["--out=runs/here"]])
def test_the_command_leaves_out_the_folder_that_is_filled(out: list[str], records: tuple[Record, Record]) -> None:
    run, summary = records
    run["command"] = ["mlpbench", "run", *out, "--outputs", "10"]
    assert "<code>mlpbench run --outputs 10</code>" in html(run, summary)
    check = {"format_version": 1, "comparisons": [], "selfcheck": rates.derive([], 0.02)}
    assert "<code>mlpbench run --outputs 10</code>" in selfcheck.render(run, check, [])


def test_tables_with_bandwidths_say_what_is_in_them(records: tuple[Record, Record]) -> None:
    run, summary = records
    assert "calls into the library included" not in html(run, summary)
    summary["cases"][0]["throughput_unit"] = "B/s"
    assert html(run, summary).count("calls into the library included") == 2


def test_columns_that_are_empty_throughout_are_left_out(records: tuple[Record, Record]) -> None:
    run, summary = records
    assert "of attainable" not in html(run, summary)
    summary["cases"][0]["percent_of_attainable"] = 63.0
    assert re.search(r"of attainable.*63\s%", html(run, summary), re.DOTALL)


def test_a_page_can_go_elsewhere(
    records: tuple[Record, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "figures", list)
    target = tmp_path / "new" / "page.html"
    assert page.write(*records, tmp_path / "run", page=target) == target
    assert target.stat().st_mode & 0o044


def test_pictures_of_an_earlier_page_do_not_stay(
    records: tuple[Record, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "figures", list)
    old = tmp_path / "figures" / "alignment.png"
    old.parent.mkdir()
    old.write_bytes(PNG)
    page.write(*records, tmp_path)
    assert not old.exists()


def test_a_place_that_cannot_be_written_to_is_bad_input(
    records: tuple[Record, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "figures", list)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="expected a place for the report"):
        page.write(*records, tmp_path / "file" / "run")


def test_a_figure_that_fails_says_so_and_the_page_is_made(
    records: tuple[Record, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ModuleType("reports.plots.broken")

    def draw(run: Record, summary: Record) -> None:
        raise ValueError("no luck")

    broken.__dict__.update(TITLE="Broken", CAPTION="None.", ORDER=1, draw=draw)
    monkeypatch.setattr(plots, "figures", lambda: [broken])
    text = page.render(*records, page.draw(*records))
    assert "This figure could not be drawn: ValueError: no luck" in text


def test_an_empty_summary_makes_a_page() -> None:
    assert "A single run is one run" in html({}, {})


def test_drawing_leaves_matplotlib_as_it_was(records: tuple[Record, Record]) -> None:
    import matplotlib

    from reports.drawing import STYLE

    before = {name: matplotlib.rcParams[name] for name in STYLE}
    page.draw(records[0], {"cases": records[1]["cases"][:6]})
    assert {name: matplotlib.rcParams[name] for name in STYLE} == before
    assert "matplotlib.pyplot" not in sys.modules


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, reports, reports.page, reports.plots; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "jinja2", "numpy", "torch"} & set(found)
