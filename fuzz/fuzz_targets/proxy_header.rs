//! Headers of the PROXY protocol. The first byte cuts the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::net::proxy_protocol::parse;

fuzz_target!(|data: &[u8]| {
    let Some((cut, raw)) = data.split_first() else { return };
    let Ok(Some((header, used))) = parse(raw) else { return };
    assert!(used <= raw.len());
    let part = &raw[..usize::from(*cut) % used];
    assert_eq!(parse(part), Ok(None), "a part of a header asks for more");
    if let Some(header) = header {
        for name in ["alpn", "ssl_verify", "ssl_cn", "0x05"] {
            assert!(header.value(name).is_none_or(|value| value.len() <= used));
        }
    }
});
