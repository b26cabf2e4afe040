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

#[test]
fn networks_and_ranges_inside_and_beside_each_other() {
    let setup = Setup::new().file("nets", "10.1.0.0/16 included;").file("ranges", "10.1.0.0-10.1.255.255 included;");
    let longhaul = setup.start(
        "geo $arg_ip $nets { 0.0.0.0/0 all; 10.0.0.0/8 ten; include nets; 10.2.0.0/16 gone; delete 10.2.0.0/16;
                             10.3.0.0/16 both; 10.3.3.0/24 inner; 2001:db8::/32 six; }
         geo $arg_ip $ranges { ranges; default none; include ranges;
             10.5.9.0-10.6.1.255 wide; 10.7.9.0-10.8.1.255 gone; delete 10.7.9.0-10.8.1.255;
             10.4.0.4-10.4.0.7 later; 10.4.0.0-10.4.0.3 before; 10.4.0.8-10.4.0.9 after;
             10.9.0.0-10.9.0.9 outer; 10.9.0.0-10.9.0.1 first; 10.9.0.8-10.9.0.9 last;
             10.9.0.4-10.9.0.6 middle; 10.9.0.5-10.9.0.5 one;
             10.10.0.0-10.10.0.9 cut; delete 10.10.0.3-10.10.0.3; delete 10.10.0.0-10.10.0.1;
             10.11.0.0-10.11.0.9 cut; 10.11.0.2-10.11.0.2 hole; delete 10.11.0.2-10.11.0.2; }
         server { listen %listen%; return 200 $nets,$ranges; }",
    );
    for (address, expected) in [
        ("192.0.2.1", "all,none"),
        ("10.0.0.1", "ten,none"),
        ("10.1.2.3", "included,included"),
        ("10.2.0.1", "ten,none"),
        ("10.3.0.1", "both,none"),
        ("10.3.3.1", "inner,none"),
        ("2001:db8::7", "six,none"),
        ("::ffff:10.3.3.9", "inner,none"),
        ("10.4.0.0", "ten,before"),
        ("10.4.0.3", "ten,before"),
        ("10.4.0.4", "ten,later"),
        ("10.4.0.7", "ten,later"),
        ("10.4.0.8", "ten,after"),
        ("10.4.0.10", "ten,none"),
        // Over the border of a /16, where the low half is smaller at the end than at the begin.
        ("10.5.8.255", "ten,none"),
        ("10.5.9.0", "ten,wide"),
        ("10.5.255.255", "ten,wide"),
        ("10.6.1.255", "ten,wide"),
        ("10.6.2.0", "ten,none"),
        ("10.7.255.255", "ten,none"),
        ("10.8.1.255", "ten,none"),
        ("10.9.0.1", "ten,first"),
        ("10.9.0.2", "ten,outer"),
        ("10.9.0.4", "ten,middle"),
        ("10.9.0.5", "ten,one"),
        ("10.9.0.6", "ten,middle"),
        ("10.9.0.7", "ten,outer"),
        ("10.9.0.8", "ten,last"),
        ("10.10.0.4", "ten,cut"),
        ("10.11.0.1", "ten,cut"),
        ("10.11.0.2", "ten,none"),
        ("10.11.0.3", "ten,cut"),
        ("none", "all,none"),
    ] {
        let answer = longhaul.get(&format!("/?ip={address}"));
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{address}: {answer}");
    }
}

#[test]
fn shares_are_those_of_nginx() {
    let longhaul = Setup::new().start(
        "split_clients $arg_k $kind { 33.3% a; 20% b; * c; }
         split_clients prefix-$arg_k $other { 0.01% x; 49.99% y; }
         server { listen %listen%; return 200 $kind,$other; }",
    );
    let of = |key: &str| {
        let answer = longhaul.get(&format!("/?k={key}"));
        answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
    };
    let keys = ["1", "2", "3", "4", "5", "ab", "abc", "abcd", "abcde", "abcdef", "a-long-key-of-a-user", ""];
    let shares = keys.map(of).join(" ");
    assert_eq!(shares, "a,y a,y c, a, b,y a,y a, a,y b,y a, b, a,y");
}

#[test]
fn a_value_holds_for_the_whole_request_unless_it_is_volatile() {
    let longhaul = Setup::new().start(
        "geo $arg_ip $near { default far; 10.0.0.0/8 here; }
         geo $arg_ip $fresh { volatile; default far; 10.0.0.0/8 here; }
         split_clients $arg_ip $part { 50% a; * b; }
         server { listen %listen%; set $first $near,$fresh,$part; set $args ip=10.0.0.1;
             return 200 $first|$near,$fresh,$part|$arg_ip; }",
    );
    for (ip, expected) in [("2", "far,far,a|far,here,a|10.0.0.1"), ("10.0.0.1", "here,here,b|here,here,b|10.0.0.1")] {
        let answer = longhaul.get(&format!("/?ip={ip}"));
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{ip}: {answer}");
    }
}
