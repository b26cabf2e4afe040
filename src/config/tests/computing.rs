//! `geo` and `split_clients`: what is read of their blocks, and what is said of broken ones.

use super::*;

fn geo_fault(lines: &str) -> String {
    fault(&format!("http {{ geo $near {{ {lines} }} }}"))
}

#[test]
fn networks_become_ranges_and_the_longest_wins() {
    let generation = generation(
        "http { geo $near { default far; 10.0.0.0/8 ten; 10.1.0.0/16 one; 2001:db8::/32 six; proxy 192.0.2.0/24; }
         geo $arg_ip $asked { ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.20-10.0.0.29 b; delete 10.0.0.0-10.0.0.9; }
         server { add_header X $near$asked; } }",
    );
    let [near, asked] = generation.serving.geos.as_slice() else { panic!("two blocks") };
    assert_eq!((near.v4.len(), near.v6.len(), near.proxies.len()), (3, 1, 1));
    assert_eq!(&*near.default, b"far");
    assert!(near.source.is_none() && !near.uses_ranges);
    assert!(asked.uses_ranges && asked.source.is_some());
    assert_eq!(asked.v4.iter().map(|range| &*range.value).collect::<Vec<_>>(), [b"b"]);
}

#[test]
fn broken_blocks_are_told() {
    assert_eq!(geo_fault("10.0.0.0/33 x;"), "invalid network \"10.0.0.0/33\"");
    assert_eq!(geo_fault("ranges; 10.0.0.0/8 x;"), "invalid range \"10.0.0.0/8\"");
    assert_eq!(geo_fault("10.0.0.0/8 x y;"), "invalid number of the geo parameters");
    assert_eq!(
        geo_fault("ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.5-10.0.0.20 b;"),
        "range \"10.0.0.5-10.0.0.20\" overlaps \"10.0.0.0-10.0.0.9\""
    );
    assert_eq!(fault("http { geo $host { } }"), "the duplicate \"host\" variable");
    assert_eq!(fault("http { geo near { } }"), "invalid variable name \"near\"");
    let text = "http { geo $near { 10.0.0.0/8 a; 10.0.0.0/8 b; 10.1.0.0/8 c; delete 11.0.0.0/8; } }";
    assert_eq!(warnings(text).len(), 4, "{:?}", warnings(text));
}

#[test]
fn shares_add_up_to_at_most_the_whole() {
    let generation = generation("http { split_clients $remote_addr $kind { 25% a; 0.5% b; * c; } }");
    let ends: Vec<Option<u32>> = generation.serving.splits[0].parts.iter().map(|part| part.end).collect();
    assert_eq!(ends, [Some(u32::MAX / 4), Some(1_095_216_660), None]);
    let split_fault = |lines: &str| fault(&format!("http {{ split_clients $remote_addr $kind {{ {lines} }} }}"));
    assert_eq!(split_fault("60% a; 41% b;"), "percent total is greater than 100%");
    for bad in ["x", "10", "1.234%", "-1%", "0%", ".5%"] {
        assert_eq!(split_fault(&format!("{bad} a;")), format!("invalid percent value \"{bad}\""));
    }
    assert_eq!(split_fault("10%;"), "invalid number of the split_clients parameters");
}
