"""The bodies: made here and nowhere else, the same bytes on every machine and for every version of Python."""

import hashlib


class Bytes:
    """Numbers that look random and never change: SHA-256 of a seed and a counter."""

    def __init__(self, seed):
        self.seed = seed
        self.counter = 0
        self.rest = b""

    def take(self, count):
        pieces = [self.rest]
        have = len(self.rest)
        while have < count:
            piece = hashlib.sha256(f"{self.seed}:{self.counter}".encode()).digest()
            self.counter += 1
            pieces.append(piece)
            have += len(piece)
        joined = b"".join(pieces)
        self.rest = joined[count:]
        return joined[:count]

    def below(self, limit):
        return int.from_bytes(self.take(4), "big") % limit

    def choose(self, choices):
        return choices[self.below(len(choices))]


WORDS = (
    "accept answer arrow basket borrow bridge candle carry circle cloud copper corner daily distant dry early east "
    "empty engine evening fair feather field follow garden gather glass harbor heavy hidden island journey kettle "
    "ladder letter level market meadow mirror narrow north ocean open orange paper pebble quiet rapid river round "
    "salt season signal silver slow south spring stone summer table thunder timber valley velvet voice wander water "
    "west window winter yellow"
).split()
BEYOND_ASCII = ["größer", "façade", "Zürich", "naïve", "смысл", "日本", "λόγος", "€"]


def prose(seed, size):
    """Words in lines, some beyond ASCII; cut at `size` bytes, so the last character may be half of one."""
    source = Bytes(seed)
    text, column = [], 0
    total = 0
    while total < size:
        word = source.choose(BEYOND_ASCII) if source.below(40) == 0 else source.choose(WORDS)
        end = "\n" if column > 80 else " "
        column = 0 if end == "\n" else column + len(word) + 1
        text.append(word + end)
        total += len((word + end).encode())
    return "".join(text).encode()[:size]


def log_lines(seed, size):
    """Lines as a server logs them: large, and small once compressed."""
    source = Bytes(seed)
    lines, total, number = [], 0, 0
    while total < size:
        number += 1
        word, other = source.choose(WORDS), source.choose(WORDS)
        line = f"{number:07} level=notice unit={word} action=accept result={other} elapsed_ms={source.below(900)}\n"
        lines.append(line)
        total += len(line)
    return "".join(lines).encode()[:size]


def json_list(seed, count):
    source = Bytes(seed)
    items = [
        '{"id":%d,"name":"%s %s","price":%d.%02d,"tags":["%s","%s"],"note":null}'
        % (
            number,
            source.choose(WORDS),
            source.choose(BEYOND_ASCII),
            source.below(500),
            source.below(100),
            source.choose(WORDS),
            source.choose(WORDS),
        )
        for number in range(count)
    ]
    return ("[" + ",\n".join(items) + "]\n").encode()


def files():
    """The files that servers serve and clients send, by name."""
    return {
        "index.html": b"<!doctype html>\n<title>Corpus</title>\n<link rel=stylesheet href=/style.css>\n<p>"
        + prose("index", 2000)
        + b"</p>\n",
        "style.css": b"".join(
            f".{word} {{ margin: {number}px; color: #{number:03}; }}\n".encode() for number, word in enumerate(WORDS)
        ),
        "items.json": json_list("items", 240),
        "text.txt": prose("text", 60_000),
        "large.txt": log_lines("large", 512_000),
        "random.bin": Bytes("random").take(300_000),
        # The second block of an event is often as large as eCapture's buffer: exactly one, two, and one byte more.
        "exact.bin": Bytes("exact").take(16_384),
        "double.bin": Bytes("double").take(32_768),
        "over.bin": Bytes("over").take(16_385),
        "tiny.txt": b'{"hello":"w\xc3\xb6rld","n":42}\n',
        # A body that reads like the start of another message must stay a body.
        "decoy.txt": b"GET /decoy HTTP/1.1\r\nHost: decoy.test\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" * 40,
        "zeros.bin": bytes(50_000),
        "empty.txt": b"",
    }
