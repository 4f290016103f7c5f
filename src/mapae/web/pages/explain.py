"""Problems in words for people: the page of each code, and the page a failed request becomes."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mapae.errors import FieldMistake, InputRefused, LinkRefused, MapaeError, NotFound, Refused
from mapae.web.pages.moments import duration
from mapae.web.pages.page import Page
from mapae.web.problems import PROBLEMS, Language, problem_for
from mapae.web.refusals import BodyTooLarge, ContentTypeUnsupported, CsrfRefused, MethodNotAllowed, RequestRefused


def render_problem(request: Request, error: Exception) -> Response:
    """Return the page that tells a person about `error`; what the error says itself is for the log.

    The registry's words are written for programmers, so the causes a person at a browser meets have words of their own.
    """
    page = Page(request)
    ours = _as_ours(error)
    problem = problem_for(ours)
    name = _text_name(ours)
    mistakes = ours.mistakes if isinstance(ours, InputRefused) else ()
    retry_after = ours.retry_after if isinstance(ours, Refused) else None
    values = {
        "title": page.t(f"problem.{name}") if name else problem.title.into(page.known_language),
        "help": page.t(f"problem.{name}_help") if name else problem.advice.into(page.known_language),
        "wrong": [_field_sentence(page, mistake) for mistake in mistakes],
        "wait": page.t("problem.wait", when=duration(retry_after, page.language)) if retry_after else "",
        "code": problem.code,
        "number": problem.status,
    }
    here = None if request.method in {"GET", "HEAD"} else page.path("/")
    response = page.render("problem.html", values, status=problem.status, here=here)
    if retry_after:
        response.headers["retry-after"] = str(retry_after)
    if isinstance(ours, MethodNotAllowed):
        response.headers["allow"] = ", ".join(ours.allowed)
    return response


async def problems(page: Page) -> Response:
    """List every code."""
    rows = [
        {"code": each.code, "status": each.status, "title": each.title.into(page.known_language)}
        for each in PROBLEMS.values()
    ]
    return page.render("explanations.html", {"problems": rows})


async def problem(page: Page) -> Response:
    """Explain one code in every language.

    Raises:
        NotFound: there is no such code.
    """
    found = PROBLEMS.get(page.request.path_params["code"])
    if found is None:
        raise NotFound
    language = page.known_language
    other: Language = "en" if language == "ko" else "ko"
    return page.render(
        "explanation.html",
        {
            "code": found.code,
            "number": found.status,
            "title": found.title.into(language),
            "help": found.advice.into(language),
            "other": other,
            "other_title": found.title.into(other),
            "other_help": found.advice.into(other),
        },
    )


def _as_ours(error: Exception) -> Exception:
    match error:
        case HTTPException(status_code=404):
            return NotFound()
        case HTTPException(status_code=405, headers=headers):
            return MethodNotAllowed((headers or {}).get("Allow", "").split(", "))
        case HTTPException(status_code=status) if status < 500:
            return RequestRefused()
        case _:
            return error


def _field_sentence(page: Page, mistake: FieldMistake) -> str:
    """Return what is wrong with a field that no form of ours sends; what people type is told beside its field."""
    field = mistake.pointer.removeprefix("/")
    match mistake.code:
        case "unknown":
            return page.t("problem.field_unknown", field=field)
        case "repeated":
            return page.t("problem.field_repeated", field=field)
        case _:
            return page.t("mistake.field", field=field)


def _text_name(error: Exception) -> str:
    """Return the text that says `error` to a person; empty where the registry's own words do."""
    match error:
        case NotFound():
            return "not_found"
        case LinkRefused():
            return "link"
        case MethodNotAllowed():
            return "method"
        case CsrfRefused():
            return "foreign"
        case InputRefused():
            return "form_fields"
        case BodyTooLarge() | ContentTypeUnsupported():
            return "form_broken"
        case RequestRefused() if type(error) is RequestRefused:
            return "form_broken"
        case Refused():
            return ""
        case MapaeError() if problem_for(error).status < 500:
            return ""
        case _:
            return "failed"
