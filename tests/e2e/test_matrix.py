"""The matrix by keyboard: move, choose, edit in place with a live preview, confirm."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from console.kinds.common.kind import Ref
from console.models import Change
from tests.console.changes.test_crashes import HASH
from tests.engine import Engine
from tests.factories import add_broker, add_queue, add_user, add_vhost, permit
from vhosts.models import VirtualHost


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


def test_a_cell_follows_its_change_without_a_reload(
    page: Page, logged_in: None, engine: Engine, names: Any, inventory_now: Any
) -> None:
    vhost, user = names("vhost"), names("user")
    engine.do(("vhost", [vhost], {}), ("user", [user], {}, HASH))
    inventory_now(engine.broker)
    change = engine.ask(("permission", [vhost, user], {"configure": "", "write": "", "read": ".*"}))
    place = urlencode({"broker": engine.broker.pk, "vhosts": vhost, "users": user})
    page.goto(f"/permissions/matrix/?{place}&change={change.pk}")
    cell = page.locator("#matrix-cells tbody td").first
    expect(cell).to_contain_text("Pending")
    page.locator("a.cell").first.focus()
    engine.apply()
    expect(page.locator("#change-strip")).to_contain_text("Applied")
    expect(cell).not_to_contain_text("Pending")
    expect(cell.locator(".cell")).to_have_text("read")
    # What was read anew is still a grid of cells.
    page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_contain_text("1 single cells")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-choosing", "")


def test_the_page_of_an_object_follows_its_change_too(
    page: Page, logged_in: None, engine: Engine, names: Any, inventory_now: Any
) -> None:
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {"description": "old"}))
    inventory_now(engine.broker)
    seen = {Ref("vhost", (vhost,)): {"description": "old"}}
    change = engine.ask(("vhost", [vhost], {"description": "new"}), observed=seen)
    row = VirtualHost.objects.get(broker=engine.broker, name=vhost)
    page.goto(f"/vhosts/{row.pk}/?change={change.pk}")
    expect(page.locator("#object")).to_contain_text("Pending")
    engine.apply()
    expect(page.locator("#change-strip")).to_contain_text("Applied")
    expect(page.locator("#object")).to_contain_text("In sync")
    expect(page.locator("#object")).to_contain_text("new")
