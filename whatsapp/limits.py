"""Meta's limits on lengths, counts, sizes and rates that we keep: one table, each figure with its source.

The simulator holds figures of its own, written from the same pages, so that a mistake here shows in the tests.
Lengths are in characters as Python counts them (code points). Sources are Meta's pages, named by the last part of
their address; where two pages disagree both figures are told.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

# -- outbound messages (messages/text-messages, interactive-reply-buttons, interactive-list, interactive-cta-url) --
TEXT_BODY_CHARS: Final = 4096
CAPTION_CHARS: Final = 1024  # image-messages, video-messages, document-messages
CALLBACK_DATA_CHARS: Final = 512  # `biz_opaque_callback_data`; Meta's OpenAPI file

INTERACTIVE_HEADER_CHARS: Final = 60  # text headers; media headers have none
INTERACTIVE_FOOTER_CHARS: Final = 60

BUTTONS_MAX: Final = 3
BUTTONS_BODY_CHARS: Final = 1024
BUTTON_ID_CHARS: Final = 256
BUTTON_TITLE_CHARS: Final = 20

LIST_ROWS_MAX: Final = 10  # of all sections together
LIST_BODY_CHARS: Final = 4096  # the list page; Meta's OpenAPI file says 1024 for every interactive body
LIST_LABEL_CHARS: Final = 20  # the button that opens the list
ROW_ID_CHARS: Final = 200
ROW_TITLE_CHARS: Final = 24
ROW_DESCRIPTION_CHARS: Final = 72

LINK_BODY_CHARS: Final = 1024
LINK_LABEL_CHARS: Final = 20

# -- media (business-phone-numbers/media) --
MEDIA_MAX_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "audio": 16 * 1024**2,
        "document": 100 * 1024**2,
        "image": 5 * 1024**2,
        "sticker": 500 * 1024,  # animated; a static one may have 100 KB
        "video": 16 * 1024**2,
    }
)
INBOUND_MEDIA_MAX_BYTES: Final = 100 * 1024**2  # larger ones reach us as error 131052
CAPTIONED_MEDIA: Final = frozenset({"image", "video", "document"})  # audio and stickers carry no caption

# -- rates (throughput; about-the-platform, "Pair rate limits") --
NUMBER_MESSAGES_PER_S: Final = 80  # sent and received together; over it 130429
PAIR_INTERVAL: Final = timedelta(seconds=6)  # one message to the same user; over it 131056
PAIR_BURST: Final = 45  # borrowed from the future, paid back at one in 6 s
