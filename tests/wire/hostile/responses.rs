//! What peers answer beside what the tables hold, and what the client gets of it. Behind every request the client has
//! sent another one that must reach nobody.

use super::super::support::{head, upgrade};

/// What the client asks.
#[derive(Debug, Clone, Copy)]
pub enum Asks {
    Get,
    Head,
    WebSocket,
}

impl Asks {
    pub fn request(self) -> Vec<u8> {
        match self {
            Self::Get => head("GET / HTTP/1.1\nHost: a\nConnection: close"),
            Self::Head => head("HEAD / HTTP/1.1\nHost: a\nConnection: close"),
            Self::WebSocket => upgrade("/", ""),
        }
    }
}

/// What the client gets.
#[derive(Debug, Clone, Copy)]
pub enum Gets {
    BadGateway,
    /// All of it, with `Date` and `Server` blanked.
    Exactly(&'static str),
}

use Asks::{Get, Head, WebSocket};
use Gets::{BadGateway, Exactly};

const OK: &str = "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const OK_X: &str =
    "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nContent-Length: 2\r\nConnection: close\r\nX: y\r\n\r\nok";

pub const RESPONSES: &[(Asks, &str, Gets)] = &[
    // Sent on as CRLF, whatever ended the lines.
    (Get, "HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok", Exactly(OK_X)),
    // What stands behind the end of an answer is no answer.
    (
        Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        Exactly(OK),
    ),
    (
        Get,
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        Exactly("HTTP/1.1 204 No Content\r\nServer: *\r\nDate: *\r\nConnection: close\r\n\r\n"),
    ),
    (
        Get,
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nstray",
        Exactly("HTTP/1.1 204 No Content\r\nServer: *\r\nDate: *\r\nConnection: close\r\n\r\n"),
    ),
    (
        Get,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nstray",
        Exactly("HTTP/1.1 304 Not Modified\r\nServer: *\r\nDate: *\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"),
    ),
    (
        Head,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray",
        Exactly("HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"),
    ),
    (
        Head,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstray\r\n0\r\n\r\n",
        Exactly("HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nConnection: close\r\n\r\n"),
    ),
    // Interim answers that nobody asked for are absorbed; a switch of protocols is not.
    (Get, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Exactly(OK)),
    (
        Get,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: z\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        Exactly(OK),
    ),
    (
        Get,
        "HTTP/1.1 199 Whatever\r\nContent-Length: 40\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        Exactly(OK),
    ),
    (Get, "HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n", BadGateway),
    (Get, "HTTP/1.1 100 Continue\r\n\r\n", BadGateway),
    (Get, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", BadGateway),
    (
        Get,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        BadGateway,
    ),
    (Get, "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", BadGateway),
    // A 101 that does not fit what was asked.
    (
        WebSocket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x01\x02hi",
        BadGateway,
    ),
    (
        WebSocket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        BadGateway,
    ),
    (
        WebSocket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        BadGateway,
    ),
    (
        WebSocket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        BadGateway,
    ),
    (
        WebSocket,
        "HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        BadGateway,
    ),
    (
        WebSocket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: x\r\n\r\n",
        BadGateway,
    ),
    (
        WebSocket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x\r\n\r\n",
        BadGateway,
    ),
    (WebSocket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Exactly(OK)),
    // Nothing, or the beginning of something.
    (Get, "", BadGateway),
    (Get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", BadGateway),
    // What belongs to the connection ends with it.
    (
        Get,
        "HTTP/1.1 200 OK\r\nConnection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nContent-Length: 2\r\nX: y\r\n\r\nok",
        Exactly(OK_X),
    ),
    // Framing that is sound is made anew.
    (
        Get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n1;a=b\r\no\r\n01\r\nk\r\n0\r\nT: z\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        Exactly(
            "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nX: y\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
    ),
    (
        Get,
        "HTTP/1.0 200 OK\r\nX: y\r\n\r\nok",
        Exactly(
            "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nX: y\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
    ),
    // An answer that ends too soon is cut there, and never looks whole.
    (
        Get,
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        Exactly("HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok"),
    ),
    (
        Get,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        Exactly(
            "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n",
        ),
    ),
];
