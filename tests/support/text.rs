//! Texts of messages as they are on the wire, written so that a case reads like one.

/// The sample key of RFC 6455 1.3 and the answer it asks for.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A head: the lines without their indentation, each with CRLF, and the empty line.
pub fn head(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// A head and what follows it.
pub fn message(text: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = head(text);
    bytes.extend_from_slice(body);
    bytes
}

/// A WebSocket handshake for the target, with more fields if there are.
pub fn upgrade(target: &str, more: &str) -> Vec<u8> {
    head(&format!(
        "GET {target} HTTP/1.1
         Host: example.com
         Upgrade: websocket
         Connection: Upgrade
         Sec-WebSocket-Version: 13
         Sec-WebSocket-Key: {KEY}
         {more}"
    ))
}

/// The main context around an `http` block: one worker in the foreground, logs in the test's folder, no access log
/// unless the body has one.
pub fn http(body: &str) -> String {
    let quiet = if body.contains("access_log") { "" } else { "access_log off;" };
    format!(
        "daemon off;\nworker_processes 1;\n%user%\nerror_log error.log info;\npid pid;\nevents {{ }}\n\
         http {{\n{quiet}\n{body}\n}}\n"
    )
}

/// An unmasked WebSocket frame, FIN set.
pub fn plain(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame_head(opcode, payload.len(), 0);
    bytes.extend_from_slice(payload);
    bytes
}

/// A masked WebSocket frame, FIN set.
pub fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = frame_head(opcode, payload.len(), 0x80);
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn frame_head(opcode: u8, length: usize, mask_bit: u8) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match length {
        0..=125 => bytes.push(mask_bit | length as u8),
        126..=0xffff => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask_bit | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes
}

/// An answer with what differs from run to run made the same: the values of `Date` and `Server`, and the version at
/// the foot of error pages.
pub fn stable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let of_field = ["Date: ", "Server: ", "Last-Modified: ", "ETag: "].iter().find(|name| line.starts_with(**name));
        let of_page = line.strip_prefix("<hr><center>").and_then(|rest| rest.strip_suffix("</center>\r\n"));
        lines.push(match (of_field, of_page) {
            (Some(name), _) => format!("{name}*\r\n"),
            (_, Some(_)) => "<hr><center>*</center>\r\n".to_owned(),
            _ => line.to_owned(),
        });
    }
    lines.concat()
}

/// Bytes for a failure message.
pub fn show(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(1000)];
    let text = shown.escape_ascii().to_string().replace("\\r\\n", "\\r\\n\n    ").replace("\\\"", "\"");
    format!("{} bytes:\n    {text}", bytes.len())
}
