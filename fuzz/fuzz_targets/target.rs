//! Targets and hosts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul::http::{Fields, Method, RequestHead, Version, host, target};

fuzz_target!(|data: &[u8]| {
    for method in [Method::Get, Method::Connect] {
        for merge_slashes in [true, false] {
            check(method.clone(), data, merge_slashes);
        }
    }
    let _ = target::unparsed(data);
    if let Ok(first) = host::parse(data) {
        assert!(!first.name.is_empty());
        let again = host::parse(&first.name);
        // A second trailing dot cannot be there, so a name reads as itself.
        assert_eq!(again.map(|host| host.name), Ok(first.name));
    }
});

fn check(method: Method, data: &[u8], merge_slashes: bool) {
    let head = RequestHead {
        method,
        target_at: 0..data.len(),
        version: Version::Http11,
        fields: Fields::new(),
        line: data.into(),
    };
    let Ok(target) = target::parse(&head, merge_slashes) else { return };
    let raw_path = target.raw_path.map_or(b"/".as_slice(), |at| &data[at]);
    assert!(target.path.starts_with(b"/") && raw_path.starts_with(b"/"));
    // An escaped `?`, `#` or `%` ends a run of dots, so `..` alone is never a segment.
    assert!(!target.path.split(|byte| *byte == b'/').any(|segment| segment == b".."));
    let raw_is_clean = |bytes: &[u8]| !bytes.iter().any(|byte| *byte <= b' ' || *byte == 0x7f || *byte == b'#');
    assert!(raw_is_clean(raw_path) && target.args.as_deref().is_none_or(raw_is_clean));
    if merge_slashes {
        assert!(!target.path.windows(2).any(|pair| pair == b"//"));
        assert_eq!(target::normalize(&target::escape(&target.path), true), Ok(target.path));
    }
}
