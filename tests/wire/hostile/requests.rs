//! Requests of their own beside those of the tables. What is refused reaches no peer.

/// Handshakes that are refused: the path, fields behind `Upgrade` and `Connection`, and the status.
pub const HANDSHAKES: &[(&str, &str, u16)] = &[
    ("/", "Sec-WebSocket-Version: 13", 400),
    ("/", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key:", 400),
    ("/", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAA", 400),
    ("/", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: ****************======", 400),
    ("/", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Key: AAAA", 400),
    ("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 426),
    ("/", "Sec-WebSocket-Version: 8\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 426),
    ("/", "Sec-WebSocket-Version: 13, 8\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 426),
    ("/", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nContent-Length: 34", 400),
    ("/", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nTransfer-Encoding: chunked", 400),
    // Rules act on handshakes as on any request, and before anything else of them is looked at.
    ("/denied", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 403),
    ("/chat", "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 403),
    ("/chat", "Origin: null\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 403),
    (
        "/chat",
        "Origin: http://example.com\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://example.com.evil\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://evil@example.com\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://example.com:444\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://example.org\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://evilexample.org\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://example.com\nOrigin: https://evil\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
    (
        "/chat",
        "Origin: https://example.com https://evil\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        403,
    ),
];

/// Others that are refused, and end the connection with what follows.
pub const OTHERS: &[(&[u8], u16)] = &[
    (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", 405),
    (b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
    (b"TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n", 405),
    (b"POST /denied HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", 403),
    (b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd", 413),
    (b"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", 413),
    (b"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 413),
    (b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\nabcd", 413),
];

/// What passes: the request, the statuses of the answers, and what the peer sees on each of its connections.
pub const PASSED: &[(&str, &[u16], &[&str])] = &[
    // A bare LF ends a line and is sent on as CRLF.
    (
        "GET /a HTTP/1.1\nHost: a\nX: y\nConnection: close\n\n",
        &[200],
        &["GET /a HTTP/1.1\r\nHost: %lane%\r\nX: y\r\n\r\n"],
    ),
    ("\r\n\r\nGET /a HTTP/1.0\r\n\r\n", &[200], &["GET /a HTTP/1.1\r\nHost: %lane%\r\n\r\n"]),
    ("GET   /a   HTTP/1.0  \r\nX:\ty \r\n\r\n", &[200], &["GET /a HTTP/1.1\r\nHost: %lane%\r\nX: y\r\n\r\n"]),
    ("GET /a HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\n", &[200], &["GET /a HTTP/1.1\r\nHost: %lane%\r\n\r\n"]),
    // As in nginx a fragment is cut off.
    ("GET /a#b?c HTTP/1.0\r\n\r\n", &[200], &["GET /a HTTP/1.1\r\nHost: %lane%\r\n\r\n"]),
    ("GET /%0d%0aX:%20y HTTP/1.0\r\n\r\n", &[200], &["GET /%0d%0aX:%20y HTTP/1.1\r\nHost: %lane%\r\n\r\n"]),
    (
        "GET http://A:80/b?c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        &[200],
        &["GET /b?c HTTP/1.1\r\nHost: %lane%\r\n\r\n"],
    ),
    (
        "POST / HTTP/1.0\r\nContent-Length: 0003\r\n\r\nabcGET /smuggled HTTP/1.1\r\n\r\n",
        &[200],
        &["POST / HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 3\r\n\r\nabc"],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nX: y\r\n\r\n",
        &[200],
        &["POST / HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 3\r\n\r\nabc"],
    ),
    // A body that looks like a request is a body.
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 36\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nx",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 36\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nx"],
    ),
    // Pipelined requests are requests of their own, and the last is answered last.
    (
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        &[200, 200],
        &[
            "POST /1 HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 3\r\n\r\nabc",
            "GET /2 HTTP/1.1\r\nHost: %lane%\r\n\r\n",
        ],
    ),
    (
        "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a b\r\n\r\n",
        &[200, 400],
        &["POST /1 HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 0\r\n\r\n"],
    ),
    // What the connection's list names goes, but never what frames, routes or authenticates.
    (
        "GET / HTTP/1.0\r\nConnection: X-Secret, TE\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\n",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\n\r\n"],
    ),
    (
        "POST / HTTP/1.0\r\nConnection: Host, Content-Length, Cookie, Authorization, close\r\nHost: a\r\nContent-Length: 1\r\nCookie: b\r\nAuthorization: c\r\n\r\nx",
        &[200],
        &["POST / HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 1\r\nCookie: b\r\nAuthorization: c\r\n\r\nx"],
    ),
    (
        "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\nTrailer: X\r\nUpgrade: x/1\r\n\r\n",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\n\r\n"],
    ),
    // h2c and its settings are nobody's.
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\n\r\n"],
    ),
    // No handshake, so a plain request.
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\n\r\n"],
    ),
    (
        "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\nearly",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\nSec-WebSocket-Version: 13\r\n\r\n"],
    ),
    // A handshake that its peer answers with 200 ends there: what came behind it is nobody's.
    (
        "GET /chat HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        &[200],
        &[
            "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://a.example.org\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ],
    ),
    // Names that some readers take for others are dropped.
    (
        "GET / HTTP/1.0\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\n\r\n"],
    ),
    (
        "GET / HTTP/1.0\r\nTransfer-Encoding@: chunked\r\nX: y\r\n\r\n",
        &[200],
        &["GET / HTTP/1.1\r\nHost: %lane%\r\nX: y\r\n\r\n"],
    ),
    // The body is here already: nobody is told to go on.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        &[200],
        &["POST / HTTP/1.1\r\nHost: %lane%\r\nContent-Length: 1\r\n\r\nx"],
    ),
];
