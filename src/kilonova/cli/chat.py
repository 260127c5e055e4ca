"""``kilonova chat``: a conversation in the terminal; with piped input, one question."""

import sys
import time
from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.schema import NewKey, RequestQuery, RequestView
from kilonova.cli.choice import choose_model
from kilonova.cli.command import command, verb
from kilonova.cli.exits import INTERRUPTED, USAGE, CommandError
from kilonova.cli.passkey import passkey
from kilonova.cli.reach import reach
from kilonova.cli.run import Run
from kilonova.cli.talk import Talk

__all__ = ["app"]

app = verb()

_RECORD_ATTEMPTS = 10


class ChatOptions(Struct, frozen=True, kw_only=True):
    model: Annotated[
        str | None,
        typer.Argument(help="Model id or alias.", show_default="the first on offer"),
    ] = None
    system: Annotated[str | None, typer.Option(help="What the model is told first.")] = None
    organisation: Annotated[
        str | None, typer.Option(help="Who pays.", show_default="default, or the only one")
    ] = None
    project: Annotated[
        str | None, typer.Option(help="As --organisation.", show_default="default")
    ] = None


@command(app, has_json=False)
def chat(run: Run, options: ChatOptions) -> None:
    """Talk to a model. Ctrl-C stops an answer and, between answers, leaves; /new begins anew."""
    wish = NewKey(
        organisation=options.organisation,
        project=options.project,
        kind="bearer",
        name="kilonova chat",
    )
    with reach(run) as note, passkey(run, wish) as key:
        model = choose_model(run, options.model).id
        talk = Talk(note=note, bearer_key=key.bearer_key or "", model=model, system=options.system)
        if sys.stdin.isatty():
            run.output.note(f"{model}. /new begins anew, Ctrl-D leaves.")
            _converse(run, talk)
        else:
            _answer_once(run, talk, sys.stdin.read().strip())


def _answer_once(run: Run, talk: Talk, question: str) -> None:
    if not question:
        raise CommandError("Standard input holds no question.", code=USAGE)
    is_whole = _answer(run, talk, question)
    if not is_whole:
        raise typer.Exit(INTERRUPTED)


def _converse(run: Run, talk: Talk) -> None:
    while (question := _ask(run)) is not None:
        if question.strip() == "/new":
            talk.forget()
        elif question.strip():
            try:
                _answer(run, talk, question.strip())
            except CommandError as error:
                run.output.failure(error.message)


def _ask(run: Run) -> str | None:
    try:
        return run.output.ask("> ")
    except KeyboardInterrupt:
        run.output.note("")
        raise


def _answer(run: Run, talk: Talk, question: str) -> bool:
    """Streams one answer; False when Ctrl-C stopped it."""
    pieces = talk.ask(question)
    try:
        for piece in pieces:
            run.output.text(piece)
        is_whole = True
    except KeyboardInterrupt:
        is_whole = False
    finally:
        pieces.close()
    run.output.text("\n")
    run.output.note(run.output.style(_facts(run, talk, is_whole), "dim"))
    return is_whole


def _facts(run: Run, talk: Talk, is_whole: bool) -> str:
    """Tokens, price and speed. The ledger knows what an answer that was stopped did cost."""
    turn = talk.turn
    record = _record(run, turn.request_id)
    facts = [] if is_whole else ["stopped"]
    if record is not None:
        prompt = record.input_tokens + record.cache_read_tokens + record.cache_write_tokens
        facts += [f"{prompt} tokens in", f"{record.output_tokens} out"]
        facts.append(f"{record.price} {record.currency}")
    if turn.tokens_per_s is not None:
        facts.append(f"{turn.tokens_per_s:.1f} tok/s")
    return f"[{', '.join(facts)}]"


def _record(run: Run, request_id: str) -> RequestView | None:
    """A stopped answer is settled as soon as the server sees that its client left."""
    query = RequestQuery(after=request_id[:-1], limit=1)
    for _attempt in range(_RECORD_ATTEMPTS):
        found = run.ask(lambda plane: plane.list_requests(query)).data
        if found and found[0].id == request_id:
            return found[0]
        time.sleep(0.1)
    return None
