"""Members' conversations, over the admin surface and a shelf in memory."""

from typing import Any

import pytest

from kilonova.admin.conversation_schema import Turn
from kilonova.admin.conversation_tree import Kept, excerpt, merged
from kilonova.core.errors import InvalidRequest
from kilonova.core.members import OpenedSession
from unit.admin.test_rights import Site, site

__all__ = ["site"]

PATH = "/kn/v1/conversations"


def _turn(id_: str, parent: str, text: str, *, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"id": id_, "parent": parent, "role": role, "text": text, **more}


TALK = {
    "choices": {"model": "kilonova.echo-v1:0", "system": "Be brief.", "temperature": 0.5},
    "turns": [
        _turn("a", "", "How far is the *moon*?"),
        _turn("b", "a", "384,400 km", role="assistant", model="kilonova.echo-v1:0"),
        _turn("c", "a", "Far. ```", role="assistant", state="stopped"),
    ],
    "chosen": {"": "a", "a": "b"},
}


def _project(site: Site, organisation_id: str) -> str:
    return site.people.accounts.projects(organisation_id)[0].id


async def _keep(site: Site, session: OpenedSession, **more: Any) -> dict[str, Any]:
    body = {"project": _project(site, session.member.organisation_id), **TALK, **more}
    status, kept = await site.call("POST", PATH, session=session, body=body)
    assert status == 200, kept
    assert isinstance(kept, dict)
    return kept


async def test_what_was_said_is_there_again_with_its_branches(site: Site) -> None:
    """Protects conversations: every branch, choice and figure is read back as it was saved."""
    ada, project = site.at_home["owner"], _project(site, site.home)
    kept = await _keep(site, ada)
    figures = {"request_id": "req_1", "input": 3, "output": 2, "price": "0.000001", "took_ms": 7.5}
    change = {
        "project": project,
        "turns": [
            _turn("b", "a", "384,400 km", role="assistant", figures=figures),
            _turn("d", "b", "And the sun?"),
        ],
        "chosen": {"b": "d"},
    }
    status, head = await site.call("PATCH", f"{PATH}/{kept['id']}", session=ada, body=change)
    assert (status, head["turns"], head["title"]) == (200, 4, "How far is the *moon*?")
    path = f"{PATH}/{kept['id']}?project={project}"
    _, found = await site.call("GET", path, session=ada)
    assert [turn["id"] for turn in found["turns"]] == ["a", "b", "c", "d"]
    assert found["turns"][1]["figures"]["price"] == "0.000001"
    assert found["turns"][2]["state"] == "stopped"
    assert found["chosen"] == {"": "a", "a": "b", "b": "d"}
    assert found["choices"] == {**kept["choices"], "system": "Be brief."}


async def test_nobody_else_finds_it(site: Site) -> None:
    """Protects what members say from colleagues, owners, other organisations and the operator."""
    kept = await _keep(site, site.at_home["developer"])
    project = kept["project_id"]
    for session in (site.at_home["owner"], site.at_home["viewer"], site.stranger):
        for method, path in (("GET", ""), ("GET", "/export"), ("DELETE", "")):
            target = f"{PATH}/{kept['id']}{path}?project={project}"
            status, _ = await site.call(method, target, session=session)
            assert status == 404, (session.member.role, method, path)
        body = {"project": project, "title": "mine"}
        status, _ = await site.call("PATCH", f"{PATH}/{kept['id']}", session=session, body=body)
        assert status in (403, 404)
    _, seen = await site.call("GET", f"{PATH}?project={project}", session=site.at_home["owner"])
    assert seen["data"] == []
    status, _ = await site.call("GET", f"{PATH}?project={project}", session=site.stranger)
    assert status == 404
    token = [(b"authorization", b"Bearer kn_admin_of-the-operator")]
    status, _ = await site.call("GET", f"{PATH}?project={project}", headers=token)
    assert status == 401


async def test_who_may_not_chat_may_still_read(site: Site) -> None:
    """Protects the right to ask models: a viewer keeps nothing new, and loses nothing old."""
    vi, project = site.at_home["viewer"], _project(site, site.home)
    body = {"project": project, **TALK}
    assert (await site.call("POST", PATH, session=vi, body=body))[0] == 403
    assert (await site.call("GET", f"{PATH}?project={project}", session=vi))[0] == 200


async def test_listing_searches_pages_and_has_the_latest_first(site: Site) -> None:
    """Protects finding a conversation again: by title, by what was said, one page after another."""
    ada, project = site.at_home["owner"], _project(site, site.home)
    ids = []
    for number in range(5):
        site.office.clock.now += 1
        ids.append((await _keep(site, ada, title=f"Talk {number}"))["id"])
    site.office.clock.now += 1
    change = {"project": project, "turns": [_turn("z", "", "ÉCLIPSE tonight")]}
    await site.call("PATCH", f"{PATH}/{ids[0]}", session=ada, body=change)
    listed, after = [], ""
    for _ in range(3):
        path = f"{PATH}?project={project}&limit=2{after}"
        _, page = await site.call("GET", path, session=ada)
        listed += [each["id"] for each in page["data"]]
        after = f"&after={page['next']}"
    assert listed == [ids[0], ids[4], ids[3], ids[2], ids[1]]
    assert page["next"] is None
    for searched, expected in (("%C3%A9clipse", [ids[0]]), ("TALK+3", [ids[3]]), ("venus", [])):
        _, found = await site.call(
            "GET", f"{PATH}?project={project}&search={searched}", session=ada
        )
        assert [each["id"] for each in found["data"]] == expected


async def test_it_is_renamed_exported_and_deleted(site: Site) -> None:
    """Protects that a conversation is its member's: to name, to take along, to destroy."""
    ada = site.at_home["owner"]
    kept = await _keep(site, ada)
    path, query = f"{PATH}/{kept['id']}", f"project={kept['project_id']}"
    body = {"project": kept["project_id"], "title": "The moon", "chosen": {"a": "c"}}
    _, head = await site.call("PATCH", path, session=ada, body=body)
    assert head["title"] == "The moon"
    _, file = await site.call("GET", f"{path}/export?{query}", session=ada)
    assert file["name"] == f"{kept['id']}.md"
    assert file["text"].startswith("# The moon\n")
    assert "## System\n\nBe brief." in file["text"]
    assert "Far. ```" in file["text"]
    assert "384,400" not in file["text"]
    _, whole = await site.call("GET", f"{path}/export?{query}&format=json", session=ada)
    assert "384,400" in whole["text"]
    assert (await site.call("DELETE", f"{path}?{query}", session=ada))[0] == 200
    assert (await site.call("GET", f"{path}?{query}", session=ada))[0] == 404
    assert (await site.call("PATCH", path, session=ada, body=body))[0] == 404


PICTURE = "data:image/png;base64,iVBORw0KGgo="


async def test_what_was_attached_and_called_is_there_again(site: Site) -> None:
    """Protects attachments and tools: pictures, files, calls and their answers are read back as
    they were, are in the export, and are found by their names."""
    ada = site.at_home["owner"]
    call = {"id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'}
    answer = {"id": "call_1", "name": "get_weather", "text": "```clear```"}
    turns = [
        _turn("a", "", "", pictures=[{"name": "sky.png", "url": PICTURE}],
              files=[{"name": "notes.md", "text": "```\nno end"}]),
        _turn("b", "a", "", role="assistant", calls=[call]),
        _turn("c", "b", "", role="tool", results=[answer]),
    ]  # fmt: skip
    choices = {
        "tools": "[unfinished", "tool_choice": "name:get_weather", "canned": {"get_weather": "x"},
        "seed": -7, "stop": ["END"], "format": "json_schema", "schema": "{", "effort": "low",
        "service_tier": "flex",
    }  # fmt: skip
    chosen = {"": "a", "a": "b", "b": "c"}
    kept = await _keep(site, ada, turns=turns, chosen=chosen, choices=choices)
    assert kept["title"] == "sky.png notes.md"
    query = f"project={kept['project_id']}"
    _, found = await site.call("GET", f"{PATH}/{kept['id']}?{query}", session=ada)
    assert [turn["role"] for turn in found["turns"]] == ["user", "assistant", "tool"]
    assert found["turns"][0]["pictures"] == [{"name": "sky.png", "url": PICTURE}]
    assert found["turns"][1]["calls"] == [call]
    assert found["turns"][2]["results"] == [answer]
    assert choices.items() <= found["choices"].items()
    _, file = await site.call("GET", f"{PATH}/{kept['id']}/export?{query}", session=ada)
    assert "(image: sky.png)\n\nFile notes.md:\n\n````\n```\nno end\n````" in file["text"]
    assert '```json\n{"city": "Paris"}\n```' in file["text"]
    _, listed = await site.call("GET", f"{PATH}?{query}&search=SKY", session=ada)
    assert [each["id"] for each in listed["data"]] == [kept["id"]]


@pytest.mark.parametrize(
    "picture",
    [
        {"name": "x", "url": "https://evil.example/x.png"},
        {"name": "x", "url": "data:image/svg+xml;base64,AAAA"},
        {"name": "x", "url": "data:image/png;base64," + "A" * 4_000_100},
    ],
)
async def test_only_bounded_images_are_kept(site: Site, picture: dict[str, str]) -> None:
    """Protects readers and the store: an address elsewhere, markup and sizes without end are
    refused, and nothing is kept of the conversation."""
    ada = site.at_home["owner"]
    turns = [_turn("a", "", "Look", pictures=[picture])]
    project = _project(site, site.home)
    body = {"project": project, "turns": turns, "chosen": {"": "a"}}
    status, _ = await site.call("POST", PATH, session=ada, body=body)
    assert status == 400
    _, listed = await site.call("GET", f"{PATH}?project={project}", session=ada)
    assert listed["data"] == []


async def test_who_is_removed_takes_the_conversations_along(site: Site) -> None:
    """Protects former members: what they said does not stay behind where nobody can delete it."""
    dev, owner = site.at_home["developer"], site.at_home["owner"]
    kept = await _keep(site, dev)
    status, _ = await site.call("DELETE", f"/kn/v1/members/{dev.member.id}", session=owner)
    assert status == 200
    again = await site.people.new_member(site.home, "developer@example.com", "developer")
    path = f"{PATH}?project={kept['project_id']}"
    assert (await site.call("GET", path, session=again))[1]["data"] == []


async def test_what_a_crash_left_of_a_member_is_cleared_up(site: Site) -> None:
    """Protects people who left: between their removal and that of what they kept, a server may
    die; the next one finds it, and touches nobody else's."""
    kept = await _keep(site, site.at_home["developer"])
    theirs = await _keep(site, site.at_home["owner"])
    gone = site.at_home["developer"].member.id
    await site.people.members.remove(None, gone)
    members, conversations = site.people.members, site.conversations
    assert await conversations.clear_up(lambda one: members.member(one) is not None) == 1
    assert await conversations.clear_up(lambda one: members.member(one) is not None) == 0
    path = f"{PATH}/{theirs['id']}?project={theirs['project_id']}"
    assert (await site.call("GET", path, session=site.at_home["owner"]))[0] == 200
    assert kept["id"] != theirs["id"]


def test_turns_stay_where_they_are() -> None:
    """Protects the tree from circles, orphans and turns that change sides."""
    kept = merged(Kept(), (Turn(id="a", role="user", text="x"),), {"": "a"})
    for turn in (
        Turn(id="b", parent="c", role="user"),
        Turn(id="a", role="assistant"),
        Turn(id="a", parent="a", role="user"),
    ):
        with pytest.raises(InvalidRequest):
            merged(kept, (turn,), {})
    with pytest.raises(InvalidRequest):
        merged(kept, (), {"a": "a"})
    two_tabs = merged(
        merged(kept, (Turn(id="b", parent="a", role="assistant", text="one"),), {"a": "b"}),
        (Turn(id="c", parent="a", role="assistant", text="two"),),
        {"a": "c"},
    )
    assert [turn.id for turn in two_tabs.turns] == ["a", "b", "c"]


def test_a_title_is_one_short_line() -> None:
    """Protects the list from questions of many lines."""
    long = Kept(turns=(Turn(id="a", role="user", text="one\ntwo " * 40),))
    assert len(excerpt(long)) <= 80
    assert "\n" not in excerpt(long)
    assert excerpt(Kept()) == ""
