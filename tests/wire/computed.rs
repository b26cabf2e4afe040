//! Variables that depend on an address or on a hash.

use super::support::{Setup, head};

#[test]
fn an_address_has_the_value_of_its_network() {
    let setup = Setup::new().file("networks", "192.0.2.0/24 test;");
    let longhaul = setup.start(
        "geo $near { default far; 127.0.0.0/8 here; include networks; proxy 127.0.0.0/8; }
         geo $deep { default far; 127.0.0.0/8 here; include networks; proxy 127.0.0.0/8; proxy_recursive; }
         geo $arg_ip $asked { ranges; default none; 192.0.2.0-192.0.2.255 wide; 192.0.2.7-192.0.2.7 one; }
         server { listen %listen%; return 200 $near,$deep,$asked; }",
    );
    let ask = |target: &str, forwarded: &str| {
        let mut client = longhaul.connect();
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: h{forwarded}")));
        let answer = client.read_answer();
        answer.rsplit("\r\n").next().unwrap().to_owned()
    };
    assert_eq!(ask("/", ""), "here,here,none");
    assert_eq!(ask("/?ip=192.0.2.7", "\nX-Forwarded-For: 192.0.2.1"), "test,test,one");
    assert_eq!(ask("/?ip=192.0.2.8", "\nX-Forwarded-For: 192.0.2.1, 127.0.0.1"), "here,test,wide");
    assert_eq!(ask("/?ip=x", "\nX-Forwarded-For: 192.0.2.1\nX-Forwarded-For: 127.0.0.1"), "here,test,none");
    assert_eq!(ask("/?ip=::1", "\nX-Forwarded-For: unknown"), "here,here,none");
}

#[test]
fn a_text_always_falls_into_the_same_share() {
    let longhaul = Setup::new().start(
        "split_clients $arg_user $kind { 50% a; 49.99% b; * c; }
         server { listen %listen%; return 200 $kind; }",
    );
    let mut seen = std::collections::BTreeSet::new();
    for user in 0..32 {
        let first = longhaul.get(&format!("/?user={user}"));
        assert_eq!(first, longhaul.get(&format!("/?user={user}")));
        seen.insert(first.rsplit("\r\n").next().unwrap().to_owned());
    }
    assert!(seen.contains("a") && seen.contains("b"), "{seen:?}");
}
