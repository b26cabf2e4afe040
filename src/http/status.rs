//! Reason phrases and the pages that go with a status, byte for byte as nginx writes them but for the product's name:
//! monitoring and tests of operators look at both.

/// The version of nginx whose dialect is spoken: `$nginx_version`.
pub const DIALECT_VERSION: &str = "1.31.5";

/// nginx's own numbers, for the log; the client sees 400.
pub const HEAD_TOO_LARGE: u16 = 494;
pub const CERTIFICATE_ERROR: u16 = 495;
pub const CERTIFICATE_MISSING: u16 = 496;
pub const PLAIN_TO_TLS: u16 = 497;

/// What stands in `Server` and below each page.
#[must_use]
pub fn product(server_tokens: bool) -> &'static str {
    if server_tokens { concat!("longhaul/", env!("CARGO_PKG_VERSION")) } else { "longhaul" }
}

/// The status a client sees.
#[must_use]
pub fn shown(code: u16) -> u16 {
    match code {
        HEAD_TOO_LARGE..=PLAIN_TO_TLS => 400,
        code => code,
    }
}

/// The phrase of a status line; empty where nginx has none.
#[must_use]
pub fn reason(code: u16) -> &'static str {
    match code {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        401 => "Unauthorized",
        code => title(code),
    }
}

/// The title of a page, which differs from the phrase in two places; empty where there is no page.
fn title(code: u16) -> &'static str {
    match code {
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Authorization Required",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        421 => "Misdirected Request",
        // The two that this proxy answers and nginx does not.
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// What nginx's own numbers say below the heading.
fn detail(code: u16) -> Option<&'static str> {
    match code {
        HEAD_TOO_LARGE => Some("Request Header Or Cookie Too Large"),
        CERTIFICATE_ERROR => Some("The SSL certificate error"),
        CERTIFICATE_MISSING => Some("No required SSL certificate was sent"),
        PLAIN_TO_TLS => Some("The plain HTTP request was sent to HTTPS port"),
        _ => None,
    }
}

/// The page for a status; empty where there is none.
#[must_use]
pub fn page(code: u16, product: &str) -> Vec<u8> {
    let (title, heading, line) = match detail(code) {
        Some(detail) => (detail, title(400), format!("<center>{detail}</center>\r\n")),
        // A canceled request, if anybody still reads.
        None if code == 498 => (title(404), title(404), String::new()),
        None => (title(code), title(code), String::new()),
    };
    if title.is_empty() {
        return Vec::new();
    }
    let code = if code == 498 { 404 } else { shown(code) };
    format!(
        "<html>\r\n<head><title>{code} {title}</title></head>\r\n<body>\r\n<center><h1>{code} {heading}</h1></center>\r\n\
         {line}<hr><center>{product}</center>\r\n</body>\r\n</html>\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: u16) -> String {
        String::from_utf8(page(code, "longhaul")).unwrap()
    }

    #[test]
    fn pages_have_nginxs_bytes() {
        assert_eq!(
            text(404),
            "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
             <center><h1>404 Not Found</h1></center>\r\n<hr><center>longhaul</center>\r\n</body>\r\n</html>\r\n"
        );
        assert_eq!(
            text(494),
            "<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title></head>\r\n<body>\r\n\
             <center><h1>400 Bad Request</h1></center>\r\n<center>Request Header Or Cookie Too Large</center>\r\n\
             <hr><center>longhaul</center>\r\n</body>\r\n</html>\r\n"
        );
        assert!(text(302).contains("<title>302 Found</title>"));
        assert!(text(401).contains("401 Authorization Required"));
        assert!(text(497).contains("The plain HTTP request was sent to HTTPS port"));
        assert!(text(498).contains("404 Not Found"));
        for code in [200, 204, 304, 418, 499, 999] {
            assert_eq!(text(code), "", "{code}");
        }
    }

    #[test]
    fn phrases_are_nginxs() {
        let cases = [
            (200, "OK"),
            (302, "Moved Temporarily"),
            (401, "Unauthorized"),
            (405, "Not Allowed"),
            (413, "Request Entity Too Large"),
            (414, "Request-URI Too Large"),
            (416, "Requested Range Not Satisfiable"),
            (503, "Service Temporarily Unavailable"),
            (504, "Gateway Time-out"),
            (203, ""),
            (418, ""),
        ];
        for (code, phrase) in cases {
            assert_eq!(reason(code), phrase, "{code}");
        }
    }

    #[test]
    fn own_numbers_are_shown_as_400() {
        assert_eq!([400, 494, 495, 496, 497, 498].map(shown), [400, 400, 400, 400, 400, 498]);
        assert!(product(true).starts_with("longhaul/") && product(false) == "longhaul");
    }
}
