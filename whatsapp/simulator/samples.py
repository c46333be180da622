"""A picture and a voice note made in code, so that both can be tried at once and nothing needs a licence."""

import base64
import struct
import zlib
from functools import cache

_SAMPLES_PER_PACKET = 2_880  # 60 ms at Opus's fixed 48 kHz
_PRE_SKIP = 312  # samples of the encoder's run-in, RFC 7845, 5.1

# Four rising notes, 1.6 s, by a browser's own Opus encoder: packets of 60 ms, each after its length in one byte.
_CHIME = base64.b64decode(
    "QRjgTkj+464c1qKbxdo5aDH5mbBC04txXXWAIrgcc0SLtmnAs6Lthwv2l01R2tUSDPjtzTzeqGJPjxDPa1dXZNnANxjnpEdXHyuLNN+cAdCn"
    "I+6UH1LdhFIuxNtm2woKQOg+cOBzprGIQd862vcavyIVtAdFXDR5afg6GOcjkj9D8tPw8tytsCA1OA+bBwbUkEflnQjlLwOFFAoHB1dSLHo4"
    "AtRXwAfCkyNFR3QRqVsyARyBgU8Y5wWCP0Py2HnnT5s8/lylpA+Kl0FtddxOaI6ld3t8tvT7IWXbxNq4xFr/wW+EAzL2s/L7yJwA6vDfQI0K"
    "1RGZjVjWrg6b1voZbBjOaxRgSBjokiBCMtXZmnZE6C499l4LS7erV4SnhUp6WM/kKkJvd+tKf6F6Q/dZMy9aMxsvxAVbRkqYjdfaqTR8HAOb"
    "dGly1uzLsGu0wEYY6FRYmI9GzvlyemeSQhnQPIr1QxAz8eDZLSVBGBXW+UeR78YR5yMacnGCTC0ApbBoj4k73RB0PeCzenE+APi+0Xhmez5R"
    "SBjnxPSE+9UNMkhnDAFvUrCEhLLS8CECLBebKYUMP7Gp7eB+GpJxpEi8kX36QJRuzepMebG/q/C98D/+Sa7AiKr+jiMweb2SwFMY5/r67c0a"
    "0qlALIbB0Y2oDVITR1ImZbwvjXNNz2pXNvb/ssqW1DsZBjwy1i2j8PqeS7J9HF5XByw7VmSwDJ4PyLVR9yfUL1ZsouLJzy6FShF+F1QY6Upt"
    "nupAfBjMNiVSTRatgjg3C/5LxtnwnLIoSdYWcoVFTbkg/xR1RfOV70oyWggFCvMHIhM4I0MKTPG+JdmScyydvY6BifKDzG1PpAgOehBzA1VQ"
    "GOmIU0fORFH59D4lcupQUaJEwk42G+DG6KSM5FcAHK4Qe7dGYYhPZB5U5MB9PT8oKD5w/XKQXKR9h/nW6wX6mbfeq1h6FBa6BhgSN36NoIBH"
    "GOl/0UfMZJDm1xGbe0Rb7+urwE9R87WSA6AAydTi2NynPSiCtzt5OTfki2PAWNL4uomFD4D4ZVi+LlYEfrcQwh3dZ5PzEyBKGOogOKr8oRXh"
    "xjhulicgVPqKTQPmgfp59X/dRhYo8ohSwITrdmScPONNIIarKY+18J7soX07DxiSSXLleSg8g1MMyW19p5Ju8xhGGOqvlo+Cg5zNXptSBwA/"
    "nACTc8BEolMCFMXOrjtBdje4eNHh1Z2ZjNBAImmmsHHD+KP42Lq/5kh06+kcsssbG18/lyKoYUcY6lLcCyqf3OByvbaUnRjagGNanBMO+y96"
    "OX/MjccjuIMbWraoDUW0iRPnQrJ5jLH7WJmFzYmqQvbKapYqnM87HRvfknBaMD0Y6a/oMtMRlEJJ6ml5KHEJdgZz4ASqnBfMct+GZwnU2wNV"
    "6oKovIYmOetk6dgdpFj/ZbR0U/NiBjjvVw6AQRjo+IlOzJM2am/zwfRNEdQbpNz0UcXBl11HMblIyRnCgzKEW82Y4rv2xTZfSaepB9Ua1Vop"
    "1s2zAT89ZhD5+iPzTxjorbdgCpHqIdKWwX1pp96ssmeoPLaYAxGuhXml6idivSjk1/8sOBsafvZIzKyF6I72LpsvMmIExNP+pFOD5ThT5FLf"
    "tmtkCxSQljqqlVw5GOhPK84Qp7VLolo4WSG3R/BUx6o4tvk0u/AGePmIoiA11AQzklxB8k72XvjtPKGzSikH120WosGwORjoFX+toxLov2Uh"
    "7MFQzLrPrRV++Vh9rotHx5qOLKT9FIbP8mX6aHhu1FtmOg3u6Im5Xel6KjvTgD8Y56uZsdC3z2XX3HIc6nXiniGRwEwqGomksHhaXkP/hvn6"
    "KUOlaiM6p7rMF0/M83IEKd21wWOSmKlp0A9Ed/k5GOdTjTpeiUn3Mla1dIMDZFioBgJUtyaEDyhX2zMBNlqK1AC3pCaFFPTp2V0eiXxP1tXK"
    "Zyn3/3lwLRjnJksSO3khZcn6xj5JPY80/CkbQziZJSVAhPBO7WEpEoQ0DDkU8CfaRzCEUCgY5xqve2BBHPEhtYfh6rbi3TfbptP7mdaFMhWy"
    "nGVOb1oWTeDiwOOwLhiGynBOYRNHNewzbJwsjLtDYvOrIN8M2km8qxpijj1XNdNlCVcjY3ODcJcx1TQjGAEm6vqWEYiTCsoU2hYPawS3UGwO"
    "pLJCzwugn08UpkM1C8AsGAEjTwk8N3QtZ5OhHSlimGeNJdRpReQ/MPqEzBLNqAE/wFTeUMxSMDVCj0AlGCELSvqWEXwfSiCthlvX4tFXFs6c"
    "E5FutIZg1T0xEdTlXF9akA=="
)


@cache
def sample_image(width: int = 480, height: int = 320) -> bytes:
    """A PNG of a sunset over the sea, 8-bit RGB."""
    rows = b"".join(b"\x00" + _row(y, width, height) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _row(y: int, width: int, height: int) -> bytes:
    horizon = height * 5 // 8
    centre_x, centre_y, radius = width // 2, horizon - height // 10, height // 6
    row = bytearray()
    for x in range(width):
        is_sun = y < horizon and (x - centre_x) ** 2 + (y - centre_y) ** 2 < radius**2
        if is_sun:
            row += bytes((255, 214, 120))
        elif y < horizon:
            depth = y * 100 // horizon
            row += bytes((60 + depth * 190 // 100, 70 + depth * 70 // 100, 140 - depth * 60 // 100))
        else:
            glitters = abs(x - centre_x) < radius and (y - horizon) % 12 < 4
            row += bytes((235, 170, 110)) if glitters else bytes((24, 60 + (height - y) // 3, 100))
    return bytes(row)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def sample_voice() -> bytes:
    """A voice note as WhatsApp records it: Ogg with mono Opus, 1.6 s. Source: RFC 3533, RFC 7845."""
    packets = _packets(_CHIME)
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, _PRE_SKIP, 48_000, 0, 0)
    tags = struct.pack("<8sI6sI", b"OpusTags", 6, b"parley", 0)
    end = len(packets) * _SAMPLES_PER_PACKET
    return _page(0, 0, 2, [head]) + _page(1, 0, 0, [tags]) + _page(2, end, 4, packets)


def _packets(recorded: bytes) -> list[bytes]:
    packets, at = [], 0
    while at < len(recorded):
        length = recorded[at]
        packets.append(recorded[at + 1 : at + 1 + length])
        at += 1 + length
    return packets


def _page(sequence: int, position: int, flags: int, packets: list[bytes]) -> bytes:
    """One Ogg page; packets are shorter than 255 bytes, so that each is one segment."""
    lengths = bytes(len(packet) for packet in packets)
    body = lengths + b"".join(packets)
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, position, 1, sequence, 0) + bytes([len(packets)])
    page = bytearray(head + body)
    page[22:26] = struct.pack("<I", _ogg_checksum(page))
    return bytes(page)


def _ogg_checksum(page: bytes | bytearray) -> int:
    """CRC-32 with polynomial 0x04c11db7, neither reflected nor inverted (RFC 3533, 6)."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
