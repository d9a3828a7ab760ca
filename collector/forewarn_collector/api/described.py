"""What the descriptions of all routes share."""

from typing import Annotated

from litestar.openapi import ResponseSpec
from litestar.openapi.spec import SecurityScheme
from litestar.params import QueryParameter

from forewarn_collector.api.views import Problem

PROBLEMS = {
    400: ResponseSpec(Problem, generate_examples=False, description="a parameter or the body does not fit"),
    401: ResponseSpec(Problem, generate_examples=False, description="the token is missing or wrong"),
    403: ResponseSpec(Problem, generate_examples=False, description="the caller's role does not allow it"),
    404: ResponseSpec(Problem, generate_examples=False, description="there is no such device, ticket or metric"),
    409: ResponseSpec(Problem, generate_examples=False, description="that is not possible now"),
    413: ResponseSpec(Problem, generate_examples=False, description="the body is too large"),
    429: ResponseSpec(Problem, generate_examples=False, description="too many requests; Retry-After says how long"),
    503: ResponseSpec(Problem, generate_examples=False, description="the judge is too busy to answer in time"),
}
TOKEN = {"token": SecurityScheme(type="http", scheme="bearer", description="a token of the collector")}

Limit = Annotated[int, QueryParameter(ge=1, le=100_000)]
Page = Annotated[
    int | None, QueryParameter(ge=1, le=100_000, description="at most so many; without it the answer is whole")
]
After = Annotated[str, QueryParameter(description="the last name of the page before; an empty page is the end")]
Points = Annotated[int | None, QueryParameter(ge=1, le=100_000)]
