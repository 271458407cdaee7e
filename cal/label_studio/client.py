"""A client of Label Studio's API: it reads tasks with their annotations, and writes predictions."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from cal.errors import CalError

_PAGE = 500
_SECONDS = 60.0
_EARLY = 30.0  # seconds before its end at which an access token is renewed


class RefusedError(CalError):
    """Label Studio does not do what it was asked for, and will not if it is asked again."""


class AwayError(CalError):
    """Label Studio cannot be reached, or fails; it may work later."""


class Client:
    """Calls the API of a Label Studio.

    Args:
        address: where it is, such as http://localhost:8080.
        token: a personal access token, or a legacy token.
    """

    def __init__(self, address: str, token: str) -> None:
        self.address = address.rstrip("/")
        self._token = token.strip()
        self._access, self._until = "", 0.0
        self._opener = urllib.request.build_opener(_NoRedirects)

    def project(self, number: int) -> dict[str, Any]:
        """What Label Studio tells about a project."""
        found = self._call("GET", f"/api/projects/{number}/")
        return found if isinstance(found, dict) else {}

    def tasks(self, number: int) -> Iterator[list[dict[str, Any]]]:
        """All tasks of a project with their annotations, in parts."""
        page, n_seen = 1, 0
        while True:
            query = f"project={number}&fields=all&page={page}&page_size={_PAGE}"
            found = self._call("GET", f"/api/tasks/?{query}")
            listed = found.get("tasks") if isinstance(found, dict) else None
            if not isinstance(listed, list):
                raise RefusedError(f"{self.address} lists no tasks. Give the address of Label Studio.")
            yield [each for each in listed if isinstance(each, dict)]
            page, n_seen = page + 1, n_seen + len(listed)
            if not listed or n_seen >= int(found.get("total") or 0):
                return

    def send_predictions(self, number: int, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Adds predictions to tasks of a project."""
        self._call("POST", f"/api/projects/{number}/import/predictions", list(predictions))

    def use_version(self, number: int, version: str) -> dict[str, Any]:
        """Makes a version of predictions the one that a project uses."""
        found = self._call("PATCH", f"/api/projects/{number}/", {"model_version": version})
        return found if isinstance(found, dict) else {}

    def remove_version(self, number: int, version: str) -> None:
        """Removes the predictions of a version."""
        self._call("DELETE", f"/api/projects/{number}/model-versions/", {"model_version": version})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        try:
            return self._ask(method, path, body, self._authorization())
        except _Unauthorized:
            self._access = ""  # it may have been withdrawn before its end
            try:
                return self._ask(method, path, body, self._authorization())
            except _Unauthorized as error:
                raise RefusedError(
                    f"{self.address} does not accept the token. Make one in Label Studio, under Account & Settings, "
                    "Personal Access Token, and give it as LABEL_STUDIO_API_KEY."
                ) from error

    def _authorization(self) -> str:
        """The header of a call: legacy tokens are sent as they are, personal ones give an access token for minutes."""
        claims = claims_of(self._token)
        if claims is None:
            return f"Token {self._token}"
        if not self._access or time.monotonic() > self._until:
            found = self._ask("POST", "/api/token/refresh/", {"refresh": self._token}, None)
            self._access = str(found.get("access", "")) if isinstance(found, dict) else ""
            ends, begins = (claims_of(self._access) or {}).get("exp"), time.time()
            lasts = float(ends) - begins if isinstance(ends, int | float) else 60.0
            self._until = time.monotonic() + max(lasts - _EARLY, lasts / 2)
        return f"Bearer {self._access}"

    def _ask(self, method: str, path: str, body: Any, authorization: str | None) -> Any:
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise self._explained(method, path, error) from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise AwayError(f"Label Studio cannot be reached at {self.address}: {why}.") from error
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise RefusedError(f"{self.address} does not answer as Label Studio does. Give its address.") from error

    def _explained(self, method: str, path: str, error: urllib.error.HTTPError) -> CalError:
        told = error.read(2000).decode(errors="replace")
        if error.code == 401:
            return _Unauthorized(told)
        what = f"{method} {self.address}{path.partition('?')[0]} failed with {error.code}"
        if error.code >= 500 or error.code == 429:
            return AwayError(f"{what}.")
        return RefusedError(f"{what}: {_detail(told)}")


class _Unauthorized(CalError):
    pass


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirects, which could take the token elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def claims_of(token: str) -> dict[str, Any] | None:
    """What a JSON web token says; None if it is none.

    Example:
        >>> claims_of("eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2ln")
        {'token_type': 'refresh'}
        >>> claims_of("ddc3af6dd60e335f29c3cb2b91ee9592fd89f834") is None
        True
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


def address_problems(address: Any) -> list[str]:
    """What is wrong with the address of a Label Studio.

    Example:
        >>> address_problems("http://localhost:8080"), address_problems("localhost:8080")
        ([], ["url must be the address of Label Studio, such as http://localhost:8080, not 'localhost:8080'."])
    """
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
        if parts is not None and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return []
    except ValueError:
        pass
    return [f"url must be the address of Label Studio, such as http://localhost:8080, not {address!r}."]


def _detail(told: str) -> str:
    try:
        found = json.loads(told)
        return json.dumps(found.get("validation_errors") or found.get("detail") or found)
    except (ValueError, AttributeError):
        return " ".join(told.split())[:200]
