"""`python -m whatsapp.simulator`: the other side of the wire as one process."""

import argparse
import asyncio
import logging
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

import uvicorn
from pydantic import ValidationError

from whatsapp.simulator.app import create_app
from whatsapp.simulator.events import EventHub
from whatsapp.simulator.knobs import Faults, Limits
from whatsapp.simulator.options import ReadReceipts, SimulatorOptions

Knobs = TypeVar("Knobs", Faults, Limits)

_KEEP_ALIVE_S: Final = 75  # longer than any client keeps an idle connection, so that no call meets a closing one

_ABOUT = """\
Plays WhatsApp for a service under test: a Graph API with Meta's limits and errors, signed
webhooks with retries, and a chat page in the browser. Everything is kept in memory.

  1. start it:          python -m whatsapp.simulator --port 9090
  2. add a number:      POST /simulator/numbers   (the callback is verified as Meta does it)
  3. point the service: PARLEY_GRAPH_URL=http://127.0.0.1:9090
  4. chat:              open http://127.0.0.1:9090/
  5. make it hostile:   POST /simulator/faults, /simulator/limits, /simulator/clock   (their fields: knobs.py)
  6. put it to trial:   POST /simulator/loads, then GET /simulator/progress and /simulator/verdict
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m whatsapp.simulator", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9090, help="port; 0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--control-token-file",
        type=Path,
        metavar="F",
        help="file with the bearer token that the control API and the chat page then ask for",
    )
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME", help="one more name it may be called by"
    )
    parser.add_argument(
        "--read-receipts",
        type=ReadReceipts,
        choices=list(ReadReceipts),
        default=ReadReceipts.PAGE,
        help="when messages count as read: when the chat is open on the page, always, or never (default: page)",
    )
    parser.add_argument("--faults", type=Path, metavar="F", help="JSON file of what goes wrong from the start")
    parser.add_argument("--limits", type=Path, metavar="F", help="JSON file of the limits to enforce (default: Meta's)")
    return parser.parse_args(arguments)


def read_token(path: Path | None) -> str | None:
    """The token of the file; ends the program with one sentence where there is none in it."""
    if path is None:
        return None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        sys.exit(f"simulator: cannot read the control token file {path}: {error.strerror}")
    return token or sys.exit(f"simulator: the control token file {path} is empty")


def read_knobs(path: Path | None, shape: type[Knobs]) -> Knobs:
    """The knobs of a file; ends the program with one sentence where they are none."""
    if path is None:
        return shape()
    try:
        return shape.model_validate_json(path.read_bytes())
    except OSError as error:
        sys.exit(f"simulator: cannot read {path}: {error.strerror}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        sys.exit(f"simulator: {path}: {place or 'the file'}: {first['msg']}")


def open_port(host: str, port: int) -> socket.socket:
    """The listening socket; ends the program with one sentence where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named by its protocol, else asyncio leaves TCP_NODELAY unset and answers wait 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(f"simulator: cannot listen on {host}:{port} ({error.strerror}); choose another --port")
    return listener


class _Server(uvicorn.Server):
    """Sends the open chat pages home first: their event streams would never end by themselves."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        events: EventHub = self.config.app.state.exchange.events  # type: ignore[union-attr]
        asyncio.get_running_loop().call_soon_threadsafe(events.close)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    token = read_token(arguments.control_token_file)
    listener = open_port(arguments.host, arguments.port)
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    options = SimulatorOptions(
        control_token=token,
        allowed_hosts=(*SimulatorOptions().allowed_hosts, host, *arguments.allowed_host),
        public_url=url,
        read_receipts=arguments.read_receipts,
        faults=read_knobs(arguments.faults, Faults),
        limits=read_knobs(arguments.limits, Limits),
    )
    hint = f" (asks for the token in {arguments.control_token_file})" if token else ""
    sys.stdout.write(f"Chat page: {url}/{hint}\nGraph API: {url}\n")
    sys.stdout.flush()
    server = _Server(
        uvicorn.Config(
            create_app(options),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
    )
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
