"""One HTTP/2 connection without its socket: which stream is whose, and what the other side says of it."""

from __future__ import annotations

from ngh2 import (
    Configuration,
    ConnectionClosed,
    DataReceived,
    ErrorCode,
    Event,
    GoAwayReceived,
    NGH2Error,
    ResponseReceived,
    Role,
    Setting,
    SettingsReceived,
    StreamClosed,
    TrailersReceived,
)
from ngh2 import Connection as Engine

from notifyd.wire.http2_exchange import Carrier, Exchange
from notifyd.wire.http2_limits import Http2Limits

_HEADER_LIST_BYTES_MAX = 32 * 1024
_HEADERS_MAX = 128
# A thousand answers at once must not wait for each other's WINDOW_UPDATE.
_WINDOW_BYTES = 1024 * 1024
_DEBUG_BYTES_MAX = 100


class Session:
    """After every call that is not a question, `output` has what goes out.

    libnghttp2 queues what the other side's stream limit does not let through, where nobody could tell what has
    left: no more than `room` may begin.
    """

    def __init__(self, number: int, limits: Http2Limits) -> None:
        self.number = number
        self.live: dict[int, Exchange] = {}
        """By stream; a settled one stays until its stream is closed, since it counts until then."""
        self.ready = False
        """The other side's first SETTINGS have come: without them nobody knows how many streams it takes."""
        self.answered = False
        self.retired = ""
        """Why it takes no further request, empty while it does."""
        self.broken = ""
        """Why it is over."""
        self._limits = limits
        self._streams_max = limits.streams_max
        self._engine = Engine(
            Role.CLIENT,
            Configuration(
                max_inbound_header_list_size=_HEADER_LIST_BYTES_MAX, max_inbound_header_count=_HEADERS_MAX
            ),
        )
        self._engine.initiate_connection(
            {Setting.ENABLE_PUSH: 0, Setting.MAX_HEADER_LIST_SIZE: _HEADER_LIST_BYTES_MAX}
        )
        self._engine.set_local_window_size(_WINDOW_BYTES)

    @property
    def room(self) -> int:
        """How many requests may begin."""
        if not self.ready or self.retired or self.broken or not self._engine.can_send_request:
            return 0
        return self._streams_max - len(self.live)

    @property
    def window_bytes(self) -> int:
        """How much more of bodies the other side takes now, over all streams. Where there is room only."""
        return self._engine.remote_window_size - self._engine.queued_body_size()

    def begin(self, exchange: Exchange, carrier: Carrier) -> None:
        """Where there is room."""
        body = exchange.body
        stream_id = self._engine.send_request(exchange.fields, end_stream=not body)
        if body:
            self._engine.send_data(stream_id, body, end_stream=True)
        self.live[stream_id] = exchange
        exchange.begin(carrier, stream_id)
        if stream_id + 2 > self._limits.stream_id_max:
            self.retire("its stream ids are used up")

    def cancel(self, stream_id: int) -> None:
        if stream_id in self.live and not self.broken:
            self._engine.reset_stream(stream_id, ErrorCode.CANCEL)

    def ping(self) -> None:
        self._engine.ping()

    def retire(self, why: str) -> None:
        """No further request begins; those that run go on."""
        self.retired = self.retired or why

    def say_goodbye(self) -> None:
        self._engine.terminate_connection()

    def receive(self, data: bytes) -> None:
        if self.broken:
            return
        try:
            self._engine.receive_data(data)
        except (NGH2Error, ValueError) as error:
            self._take_events()
            self.lose_all(f"the other side breaks the protocol ({error})")
        else:
            self._take_events()

    def output(self) -> bytes:
        if self.broken:
            return b""
        data = b""
        try:
            data = self._engine.data_to_send()
        except NGH2Error as error:
            self.lose_all(f"the protocol broke ({error})")
        self._take_events()
        return data

    def lose_all(self, why: str) -> None:
        """The connection is over, and with it what runs."""
        self.broken = self.broken or why
        lost, self.live = self.live, {}
        for exchange in lost.values():
            exchange.lose(why)

    def _take_events(self) -> None:
        for event in self._engine.events():
            self._take(event)

    def _take(self, event: Event) -> None:
        """Two or three of these are of each request: asking for the kind costs half of what a match does."""
        if isinstance(event, ResponseReceived):
            exchange = self.live.get(event.stream_id)
            if exchange is not None:
                exchange.take_headers(event.headers)
                if event.end_stream:
                    self._answer(event.stream_id, exchange)
        elif isinstance(event, DataReceived):
            self._take_data(event.stream_id, event.data, whole=event.end_stream)
        elif isinstance(event, StreamClosed):
            exchange = self.live.pop(event.stream_id, None)
            if exchange is not None and not exchange.settled:
                _settle_closed(exchange, event)
        elif isinstance(event, TrailersReceived):
            exchange = self.live.get(event.stream_id)
            if exchange is not None:
                self._answer(event.stream_id, exchange)
        else:
            self._take_of_connection(event)

    def _take_of_connection(self, event: Event) -> None:
        match event:
            case SettingsReceived(settings):
                allowed = settings.get(Setting.MAX_CONCURRENT_STREAMS, self._streams_max)
                self._streams_max = min(self._limits.streams_max, allowed)
                self.ready = True
            case GoAwayReceived():
                self._take_goaway(event)
            case ConnectionClosed(error_code, debug_data):
                self.lose_all(f"the connection was closed ({_told(error_code, debug_data)})")
            case _:
                pass  # PING, WINDOW_UPDATE, 1xx: libnghttp2 has done what there is to do

    def _take_data(self, stream_id: int, data: bytes, *, whole: bool) -> None:
        exchange = self.live.get(stream_id)
        if exchange is None or exchange.settled:
            return
        if exchange.take_data(data) > self._limits.answer_bytes_max:
            exchange.lose(f"the answer is larger than {self._limits.answer_bytes_max} bytes and was cut off")
            self.cancel(stream_id)
        elif whole:
            self._answer(stream_id, exchange)

    def _answer(self, stream_id: int, exchange: Exchange) -> None:
        # A RST_STREAM that says NO_ERROR closes a stream like an answer's end does: only this one is whole.
        exchange.answer(connection=self.number)
        self.answered = True
        if self._engine.queued_body_size() and self._engine.queued_body_size(stream_id):
            self.cancel(stream_id)  # answered before it was read: the rest would be in the others' way

    def _take_goaway(self, goaway: GoAwayReceived) -> None:
        why = f"the other side takes no more on this connection ({_told(goaway.error_code, goaway.debug_data)})"
        self.retire(why)
        for stream_id in [number for number in self.live if number > goaway.last_stream_id]:
            self.live.pop(stream_id).turn_away(why)


def _settle_closed(exchange: Exchange, closed: StreamClosed) -> None:
    if closed.local_error is not None:
        exchange.refuse(f"the request could not be written ({closed.local_error})")
    elif closed.error_code == ErrorCode.REFUSED_STREAM:
        exchange.turn_away("the other side refused the stream")
    else:
        exchange.lose(f"the stream ended without a whole answer ({_told(closed.error_code)})")


def _told(error_code: int, debug_data: bytes = b"") -> str:
    """APNs gives its reason in a GOAWAY's debug data."""
    name = ErrorCode(error_code).name if error_code in set(ErrorCode) else f"error {error_code:#x}"
    told = debug_data[:_DEBUG_BYTES_MAX].decode("ascii", "replace")
    return f"{name}, {told!a}" if told else name
