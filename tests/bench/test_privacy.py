"""Names and homes are taken out of what is recorded, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.privacy import Identity, anonymous, identity

ALICE = Identity(homes=("/srv/people/alice", "/root"), names=("wonderland", "alice"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/people/alice/data", "~/data"),
        ("PATH=/srv/people/alice:/bin", "PATH=~:/bin"),
        ("/srv/people/alice2/data", "/srv/people/alice2/data"),
        ("/root/x and /var/root/x", "~/x and /var/root/x"),
        ("/home/bob/x", "~/x"),
        ("/Users/bob", "~"),
        ("on wonderland as alice", "on ~ as ~"),
        ("malice in wonderlands", "malice in wonderlands"),
        ("https://alice:pw@example.org/x", "https://~@example.org/x"),
        ("granularity=fine,compact", "granularity=fine,compact"),
    ],
)
def test_who_and_where_become_a_tilde(text: str, expected: str) -> None:
    assert anonymous(text, ALICE) == expected


def test_nested_values_are_covered_and_numbers_kept() -> None:
    assert anonymous({"alice": ["alice", 1, None, {"x": ("/root",)}]}, ALICE) == {"alice": ["~", 1, None, {"x": ["~"]}]}


def test_identity_knows_home_user_and_both_names_of_the_host() -> None:
    who = identity({"HOME": "/srv/people/alice", "USER": "alice"}, "box.example.org")
    assert "/srv/people/alice" in who.homes
    assert {"alice", "box", "box.example.org"} <= set(who.names)


def test_a_home_behind_a_link_is_known_by_both_paths(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    who = identity({"HOME": str(tmp_path / "link")}, "box")
    assert anonymous([f"{tmp_path}/link/x", f"{tmp_path}/disk/x"], who) == ["~/x", "~/x"]


def test_an_empty_or_root_home_replaces_nothing() -> None:
    """Containers run with HOME=/, which every path starts with."""
    assert anonymous("/opt/x", identity({"HOME": "/"}, "box")) == "/opt/x"
    assert anonymous("/opt/x", identity({"HOME": "", "USER": ""}, "box")) == "/opt/x"


def test_names_of_nobody_stay() -> None:
    assert anonymous("root on localhost", identity({"USER": "root"}, "localhost")) == "root on localhost"
