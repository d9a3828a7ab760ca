"""The page at which a customer rates a ticket, once, in the customer's language."""

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Template

from forewarn_collector.api.audited import Noted
from forewarn_collector.language.catalogue import catalogue
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.ratings import LONGEST_COMMENT, STARS, NoLink, RatingError
from forewarn_collector.tickets.service import Service
from forewarn_collector.web.pages import HEADERS, Csrf, csrf_of, page


class RatingForm(msgspec.Struct):
    stars: str = ""
    comment: str = ""


def rating_page(service: Service, https: bool) -> Router:
    def shown(ticket: Ticket, status: int, **more: object) -> Template:
        say = service.explanation(ticket.number)
        context = {"ticket": ticket, "title": say.title, "stars": STARS, "longest": LONGEST_COMMENT, **more}
        return page("rating.html", status, language=say.language, _=catalogue(say.language).gettext, **context)

    def gone() -> Template:
        """Whose link it was is not known, so in every language."""
        return page("rating_gone.html", 404, language="en", _=catalogue("zh").gettext)

    @get("/{code:str}", sync_to_thread=True)
    def rate(code: FromPath[str]) -> Template:
        try:
            return shown(service.ratings.about(code), 200)
        except NoLink:
            return gone()

    @post("/{code:str}", sync_to_thread=True)
    def take(code: FromPath[str], data: URLEncodedBody[RatingForm], noted: NamedDependency[Noted]) -> Template:
        comment = data.comment.replace("\r\n", "\n")  # a form sends each new line as two characters
        try:
            ticket = service.ratings.about(code)
            noted.who, noted.after = ticket.customer, {"ticket": ticket.number, "stars": data.stars[:1]}
            ticket = service.ratings.rate(code, int(data.stars) if data.stars in map(str, STARS) else 0, comment)
        except NoLink:
            return gone()
        except RatingError:
            return shown(ticket, 400, refused=True, comment=comment[:LONGEST_COMMENT])
        language = service.language_of(ticket.customer)
        return page("rated.html", 200, language=language, _=catalogue(language).gettext)

    return Router(
        "/rate",
        route_handlers=[rate, take],
        middleware=[DefineMiddleware(Csrf, config=csrf_of("/rate", https))],
        response_headers=dict(HEADERS),
        include_in_schema=False,
    )
