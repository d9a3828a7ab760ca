"""The page at which a one-time link leads to a password."""

import secrets
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader
from litestar import Response, Router, get, post
from litestar.config.csrf import CSRFConfig
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.middleware import DefineMiddleware
from litestar.middleware.csrf import CSRFMiddleware
from litestar.params import FromPath, URLEncodedBody
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template import TemplateConfig

from forewarn_collector.access.model import AccessError, NoUser
from forewarn_collector.access.passwords import LEAST_CHARACTERS
from forewarn_collector.access.users import Users
from forewarn_collector.api.audited import Noted

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class PasswordForm(msgspec.Struct):
    password: str = ""
    again: str = ""
    name: str = ""


class Csrf(CSRFMiddleware):
    def _csrf_tokens_match(self, request_csrf_token: str, cookie_csrf_token: str) -> bool:
        """The library compares ASCII only and fails on anything else."""
        both = request_csrf_token + cookie_csrf_token
        return both.isascii() and super()._csrf_tokens_match(request_csrf_token, cookie_csrf_token)


def templates() -> TemplateConfig[JinjaTemplateEngine]:
    environment = Environment(loader=PackageLoader("forewarn_collector", "web/templates"), autoescape=True)
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


def csrf_of(path: str, https: bool) -> CSRFConfig:
    """For the forms below ``path``."""
    return CSRFConfig(
        secret=secrets.token_hex(32), cookie_name="forewarn_csrf", cookie_path=path, cookie_secure=https,
        cookie_httponly=True, cookie_samesite="strict",
    )  # fmt: skip


def pages(users: Users, url: str, https: bool) -> Router:
    """``url``: how the collector is reached, for those who log in afterwards."""
    style = (resources.files("forewarn_collector") / "web" / "forewarn.css").read_bytes()

    @get("/forewarn.css", sync_to_thread=False)
    def stylesheet() -> Response[bytes]:
        return Response(style, media_type="text/css")

    @get("/{code:str}", sync_to_thread=True)
    def welcome(code: FromPath[str]) -> Template:
        try:
            owner = users.link_is_for(code)
        except NoUser as gone:
            return page("gone.html", 404, said=str(gone))
        return page("welcome.html", 200, owner=owner, least=LEAST_CHARACTERS)

    @post("/{code:str}", sync_to_thread=True)
    def set_password(
        code: FromPath[str], data: URLEncodedBody[PasswordForm], noted: NamedDependency[Noted]
    ) -> Template:
        try:
            owner = users.link_is_for(code)
            noted.who = owner or data.name.strip()
            noted.after = {"user": noted.who}
            if data.password != data.again:
                raise AccessError("the two passwords differ: write the same one twice")
            user = users.use_link(code, data.name.strip(), data.password)
        except NoUser as gone:
            return page("gone.html", 404, said=str(gone))
        except AccessError as error:
            return page("welcome.html", 400, owner=owner, least=LEAST_CHARACTERS, said=str(error), name=data.name)
        return page("done.html", 200, user=user, url=url)

    return Router(
        "/welcome",
        route_handlers=[stylesheet, welcome, set_password],
        middleware=[DefineMiddleware(Csrf, config=csrf_of("/welcome", https))],
        response_headers=dict(HEADERS),
        include_in_schema=False,
    )


def page(template: str, status: int, **context: Any) -> Template:
    return Template(template, context=context, status_code=status, media_type=MediaType.HTML)
