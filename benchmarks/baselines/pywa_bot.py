"""What a bot written with pywa does with a webhook: it acknowledges first and runs its handler afterwards.

No baseline for a ratio, since it promises less: nothing is stored, and of a body with several messages it handles the
first. Its rate tells what acknowledging costs without keeping. Run as `bare.py`: PORT as argument, BARE_SECRET in the
environment.
"""

import os
import sys

import uvicorn
from fastapi import FastAPI
from pywa_async import WhatsApp
from pywa_async.types import Message


def create_app(secret: str) -> FastAPI:
    """Give the application; it never calls Graph."""
    app = FastAPI()
    bot = WhatsApp(
        phone_id="700000000000000",
        token="none",  # noqa: S106 - nothing is sent
        server=app,
        webhook_endpoint="/webhooks/whatsapp",
        verify_token="none",  # noqa: S106 - nobody verifies
        app_secret=secret,
    )

    @bot.on_message
    async def handle(client: WhatsApp, message: Message) -> None:
        """Read it, as the smallest handler does."""
        _ = message.text

    return app


def main() -> None:
    """Serve on 127.0.0.1 until told to stop."""
    app = create_app(os.environ["BARE_SECRET"])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
