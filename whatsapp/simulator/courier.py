"""Speaks HTTP with the callbacks: one signed POST at a time, and the verification of a new one."""

import secrets

import aiohttp
from yarl import URL

from models.errors import TheyErred
from whatsapp.simulator.options import SimulatorOptions
from whatsapp.simulator.posting import PostClient
from whatsapp.simulator.roster import BusinessNumber
from whatsapp.simulator.webhook_bodies import sign_body


class VerificationFailed(TheyErred):
    """The callback did not echo the challenge; the message says what it did instead."""


class Courier:
    """A bounded number of connections, shared by all numbers."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._posts = PostClient(connections=options.webhook_concurrency)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connections; must run on the loop that serves."""
        self._session = aiohttp.ClientSession(auto_decompress=False)

    async def close(self) -> None:
        """Close the connections; safe twice."""
        self._posts.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def verify(self, callback_url: str, verify_token: str) -> None:
        """Do what Meta does when a callback is set: ask it to echo a challenge.

        Raises:
            VerificationFailed: any answer but 200 with the challenge as its body.
        """
        challenge = str(secrets.randbelow(9 * 10**9) + 10**9)
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        timeout = aiohttp.ClientTimeout(total=self._options.webhook_timeout_s)
        try:
            url = URL(callback_url).update_query(query)
            async with self._open_session().get(url, allow_redirects=False, timeout=timeout) as response:
                echoed = await response.content.read(1024)
                status = response.status
        except (aiohttp.ClientError, ValueError, TimeoutError, OSError) as error:
            raise VerificationFailed(f"the callback URL could not be reached ({type(error).__name__})") from error
        if status != 200:
            raise VerificationFailed(f"the callback URL answered the verification with HTTP {status}, not 200")
        if echoed.strip() != challenge.encode():
            raise VerificationFailed("the callback URL answered 200, but did not echo hub.challenge")

    async def post(self, number: BusinessNumber, body: bytes, timeout_s: float) -> int | None:
        """Post one body to a number's callback; the HTTP status, or None where no answer came in time."""
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": sign_body(number.app_secret, body),
            "User-Agent": "facebookexternalua",
        }
        return await self._posts.post(number.callback_url, headers, body, timeout_s)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the postman has not been started")
        return self._session
