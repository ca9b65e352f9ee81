"""The matrix by keyboard: move, choose, edit in place with a live preview, confirm."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from console.models import Change
from tests.factories import add_broker, add_queue, add_user, add_vhost, permit


def test_a_cell_is_edited_where_it_stands(page: Page, logged_in: None) -> None:
    now = datetime.now(UTC)
    broker = add_broker("b", now)
    for name in ("/a", "/b"):
        add_vhost(broker, name, now)
    for name in ("anna", "ben"):
        add_user(broker, name, now)
    permit(broker, "anna", "/a", now)
    add_queue(broker, "orders.in", now, vhost="/b")

    page.goto(f"/permissions/matrix/?broker={broker.pk}")
    page.locator("tr[data-user=anna] a.cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_contain_text("1 single cells")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    editor = page.get_by_role("dialog", name="Edit a permission")
    expect(editor.get_by_label("User")).to_have_value("ben")
    expect(editor.get_by_label("Virtual host")).to_have_value("/b")
    editor.get_by_label("Custom: the three patterns below").check()
    editor.get_by_label("Read", exact=True).fill("^orders")
    expect(editor).to_contain_text("Matches names that begin with orders")
    editor.get_by_label("Read", exact=True).fill("(")
    expect(editor).to_contain_text("Not a valid regular expression")
    editor.get_by_label("Read", exact=True).fill("^orders")
    editor.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Set permission").click()
    page.wait_for_url(re.compile("/permissions/matrix/.*change="))
    expect(page.locator("#change-strip")).to_contain_text("Set the permission of ben on /b")
    assert Change.objects.get().steps.get().after == {
        "configure": "", "write": "", "read": "^orders",
    }  # fmt: skip
