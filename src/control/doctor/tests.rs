//! Hosts in, limits out: each limit in turn is the one that binds first.

use super::demand::{Demand, Door, Group, Source, Way};
use super::examine::Examination;
use super::facts::{self, Facts, Ring};
use super::figures::{Ports, Rlimit, Share};
use super::finding::{Bound, Finding, Stage};
use super::{descriptors, json, memory, text};
use crate::limits::{SHARD_IDLE_DESCRIPTORS, TUNNEL_KERNEL_BYTES, TUNNEL_USER_BYTES};
use crate::sys::features::Features;

const PLENTY: u64 = 1 << 40;

/// A host on which nothing binds below a billion tunnels.
fn host() -> Facts {
    let plenty = Some(Share { max: PLENTY, used: 0 });
    let unlimited = Some(Rlimit { soft: None, hard: None });
    Facts {
        release: Some("6.18.1-x".to_owned()),
        whose: facts::Whose::Ours,
        tunnels_open: 0,
        nofile: unlimited,
        nproc: unlimited,
        memlock: unlimited,
        may_raise: false,
        may_lock: false,
        nr_open: Some(PLENTY),
        files: plenty,
        ports: Some(Ports { low: 32_768, high: 60_999, ..Ports::default() }),
        somaxconn: Some(4096),
        tcp_pages: plenty,
        tracked: None,
        memory: Some(Share { max: 1 << 50, used: 0 }),
        group_memory: None,
        group_tasks: None,
        pids: plenty,
        threads: plenty,
        ring_disabled: Some(0),
        ring_group: Some(-1),
        ring: Ring::Made(Features { completions: 16_384, present: vec!["nodrop"], missing: Vec::new() }),
        unread: Vec::new(),
    }
}

fn peer(address: &str) -> Way {
    Way { address: address.to_owned(), is_unix: address.starts_with("unix:"), connections_max: None }
}

fn group(name: &str, peers: &[&str], source: Source) -> Group {
    Group { name: name.to_owned(), peers: peers.iter().map(|address| peer(address)).collect(), source }
}

/// Two shards, one listener, a peer without a limit.
fn demand() -> Demand {
    Demand {
        shard_count: 2,
        worker_connections: Some(1 << 40),
        rlimit_nofile: None,
        log_count: 1,
        listeners: vec![Door { address: "0.0.0.0:80".to_owned(), is_unix: false, backlog: 511 }],
        user: None,
        groups: vec![group("chat", &["unix:/run/chat"], Source::System)],
        has_evaluated: false,
    }
}

#[track_caller]
fn first(facts: &Facts, demand: &Demand) -> (&'static str, u64) {
    let examination = Examination::of(facts, demand, None);
    examination.first().map(|(finding, tunnels)| (finding.name, tunnels)).unwrap()
}

fn found<'e>(examination: &'e Examination, name: &str) -> &'e Finding {
    examination.findings.iter().find(|finding| finding.name == name).unwrap()
}

fn nofile(soft: u64, hard: u64) -> Option<Rlimit> {
    Some(Rlimit { soft: Some(soft), hard: Some(hard) })
}

#[test]
fn each_limit_of_a_host_is_the_first_where_it_is_the_least() {
    let demand = demand();
    let own = demand.own_descriptors();
    assert_eq!(own, 13 + 1 + 2 * (SHARD_IDLE_DESCRIPTORS + 1));
    let share = |left| Some(Share { max: left + 5, used: 5 });
    let tunnel_bytes = TUNNEL_USER_BYTES + TUNNEL_KERNEL_BYTES;
    let process_bytes = memory::needed(&demand, 0);
    let cases: [(&str, u64, Facts); 8] = [
        ("descriptors", 500, Facts { nofile: nofile(64, own + 1001), ..host() }),
        ("fs.nr_open", 500, Facts { nr_open: Some(own + 1000), ..host() }),
        ("fs.file-max", 500, Facts { files: share(own + 1000), ..host() }),
        ("conntrack", 1000, Facts { tracked: share(1000), ..host() }),
        ("memory", 3, Facts { memory: share(process_bytes + 3 * tunnel_bytes), ..host() }),
        ("cgroup memory", 3, Facts { group_memory: share(process_bytes + 3 * tunnel_bytes), ..host() }),
        ("threads", 0, Facts { group_tasks: share(3), ..host() }),
        ("io_uring", 0, Facts { ring: Ring::Refused("not permitted".to_owned()), ..host() }),
    ];
    for (name, tunnels, facts) in cases {
        assert_eq!(first(&facts, &demand), (name, tunnels));
    }
}

#[test]
fn the_configuration_binds_too() {
    let with = |worker_connections| Demand { worker_connections: Some(worker_connections), ..demand() };
    assert_eq!(first(&host(), &with(512)), ("worker_connections", 512));
    // A shard with 510 connections takes one more client, whose peer is the 512th.
    assert_eq!(first(&host(), &with(511)), ("worker_connections", 512));
}

#[test]
fn the_limit_of_files_is_the_one_the_proxy_gives_itself() {
    let own = demand().own_descriptors();
    let with = |rlimit_nofile| Demand { rlimit_nofile, ..demand() };
    let facts = Facts { nofile: nofile(1024, 4000), ..host() };
    let held = |limit: u64| ("descriptors", (limit - own) / 2);
    assert_eq!(first(&facts, &with(None)), held(4000));
    assert_eq!(first(&facts, &with(Some(3000))), held(3000));
    assert_eq!(first(&facts, &with(Some(9000))), held(4000));
    let root = Facts { may_raise: true, ..facts.clone() };
    assert_eq!(first(&root, &with(Some(9000))), held(9000));
    // A process that runs has done that already.
    let running = Facts { whose: facts::Whose::Running(7), ..root };
    assert_eq!(first(&running, &with(Some(9000))), held(1024));
}

#[test]
fn ports_are_counted_for_each_peer_and_source() {
    let ports = 28_232;
    let with = |groups: Vec<Group>| Demand { groups, ..demand() };
    let split = |count, largest| Source::Split { name: "out".to_owned(), count, largest };
    let capped = Way { connections_max: Some(100), ..peer("10.0.0.1:1") };
    let cases: [(Vec<Group>, Option<u64>); 9] = [
        (vec![group("a", &["10.0.0.1:1"], Source::System)], Some(ports)),
        (vec![group("a", &["10.0.0.1:1", "10.0.0.1:2"], Source::System)], Some(2 * ports)),
        (vec![group("a", &["10.0.0.1:1"], Source::Port("10.0.0.9:7".to_owned()))], Some(1)),
        (vec![group("a", &["10.0.0.1:1"], split(4, 0.25))], Some(4 * ports)),
        // Half of all clients share one address: the others' ports are left when its own are gone.
        (vec![group("a", &["10.0.0.1:1"], split(3, 0.5))], Some(2 * ports)),
        (vec![group("a", &["10.0.0.1:1", "unix:/run/a"], Source::System)], None),
        // Two locations that lead to the same peer share its ports.
        (vec![group("a", &["p"], Source::System), group("b", &["p"], Source::System)], Some(ports)),
        (vec![group("a", &["p"], Source::System), group("b", &["q"], Source::System)], Some(2 * ports)),
        (vec![Group { peers: vec![capped], ..group("a", &[], Source::System) }], Some(100)),
    ];
    for (groups, expected) in cases {
        let examination = Examination::of(&host(), &with(groups.clone()), None);
        let bound = expected.map_or(Bound::None, Bound::At);
        assert_eq!(found(&examination, "ports").bound, bound, "{groups:?}");
    }
    let evaluated = Demand { has_evaluated: true, ..with(vec![group("a", &["p"], Source::System)]) };
    assert_eq!(found(&Examination::of(&host(), &evaluated, None), "ports").bound, Bound::None);
}

#[test]
fn tracked_connections_count_where_some_are() {
    let tracked = |used| Facts { tracked: Some(Share { max: 1000, used }), ..host() };
    let of = |facts: &Facts, demand: &Demand| found(&Examination::of(facts, demand, None), "conntrack").bound;
    // A module that is loaded and has no rule tracks nothing.
    assert_eq!(of(&tracked(0), &demand()), Bound::None);
    assert_eq!(of(&tracked(100), &demand()), Bound::At(900));
    let over_ip = Demand { groups: vec![group("a", &["10.0.0.1:1"], Source::System)], ..demand() };
    assert_eq!(of(&tracked(100), &over_ip), Bound::At(450));
}

#[test]
fn what_cannot_be_read_is_unknown_and_ends_nothing() {
    let facts = Facts { nofile: None, ports: None, memory: None, release: None, nr_open: None, ..host() };
    let examination = Examination::of(&facts, &demand(), Some(10));
    for name in ["descriptors", "ports", "memory", "kernel", "fs.nr_open"] {
        assert_eq!(found(&examination, name).bound, Bound::Unknown, "{name}");
    }
    assert_eq!(examination.is_reachable, Some(true));
}

#[test]
fn kernels_and_rings_are_judged_by_what_shards_need() {
    let of = |facts: &Facts, name| found(&Examination::of(facts, &demand(), None), name).bound;
    let release = |text: &str| Facts { release: Some(text.to_owned()), ..host() };
    assert_eq!(of(&release("6.0.0"), "kernel"), Bound::None);
    assert_eq!(of(&release("5.15.0-91"), "kernel"), Bound::At(0));
    assert_eq!(of(&release("new"), "kernel"), Bound::Unknown);
    let locked = Facts { memlock: nofile(65_536, 65_536), ..release("5.10.1") };
    assert_eq!(of(&locked, "locked memory"), Bound::At(0));
    assert_eq!(of(&Facts { release: Some("6.1.0".to_owned()), ..locked.clone() }, "locked memory"), Bound::None);
    let charged = Facts { release: Some("6.18.1-x".to_owned()), ..locked };
    assert_eq!(of(&charged, "locked memory"), Bound::At(0));
    assert_eq!(of(&Facts { memlock: nofile(8 << 20, 8 << 20), ..charged.clone() }, "locked memory"), Bound::None);
    assert_eq!(of(&Facts { may_lock: true, ..charged.clone() }, "locked memory"), Bound::None);
    let other_user = Demand { user: Some("nobody".to_owned()), ..demand() };
    let as_other = |facts| found(&Examination::of(&facts, &other_user, None), "locked memory").bound;
    assert_eq!(as_other(Facts { may_lock: true, ..charged.clone() }), Bound::At(0));
    assert_eq!(as_other(Facts { may_raise: true, ..charged }), Bound::None);
    let missing = Features { missing: vec!["cqe_skip"], ..Features::default() };
    assert_eq!(of(&Facts { ring: Ring::Made(missing), ..host() }, "io_uring"), Bound::At(0));
    // The doctor runs as root and may; the shards have become somebody else by then.
    let facts = Facts { ring_disabled: Some(1), ..host() };
    let examination = Examination::of(&facts, &Demand { user: Some("nobody".to_owned()), ..demand() }, None);
    assert_eq!(found(&examination, "io_uring").bound, Bound::Unknown);
    assert_eq!(of(&facts, "io_uring"), Bound::None);
}

#[test]
fn steps_come_in_the_order_in_which_the_kernel_takes_them() {
    let facts = Facts { nofile: nofile(1024, 20_000), nr_open: Some(1 << 20), ..host() };
    let demand = Demand { worker_connections: Some(512), rlimit_nofile: Some(20_000), ..demand() };
    let examination = Examination::of(&facts, &demand, Some(1_000_000));
    let steps = examination.steps();
    let held: Vec<(Stage, &str)> = steps
        .iter()
        .filter(|(finding, _)| finding.is_short_of(1_000_000))
        .map(|(finding, remedy)| (remedy.stage, finding.name))
        .collect();
    let expected = [
        (Stage::Kernel, "fs.nr_open"),
        (Stage::Service, "descriptors"),
        (Stage::Configuration, "worker_connections"),
        (Stage::Configuration, "descriptors"),
    ];
    assert_eq!(held, expected);
    assert!(steps.iter().any(|(_, remedy)| remedy.action == "sysctl -w fs.nr_open=2097152"), "{steps:#?}");
    assert_eq!(examination.is_reachable, Some(false));
}

#[test]
fn what_the_steps_set_is_enough() {
    for tunnels in [1, 1000, 9_999, 1_000_000, 50_000_000] {
        let limit = descriptors::needed(&demand(), tunnels);
        let facts = Facts { nofile: nofile(limit, limit), ..host() };
        let examination = Examination::of(&facts, &demand(), Some(tunnels));
        assert_eq!(examination.is_reachable, Some(true), "{tunnels}");
    }
}

#[test]
fn an_open_tunnel_of_the_running_process_is_not_counted_twice() {
    let facts = Facts { tunnels_open: 100, tracked: Some(Share { max: 300, used: 200 }), ..host() };
    assert_eq!(first(&facts, &demand()), ("conntrack", 200));
}

#[test]
fn a_queue_that_the_kernel_cuts_is_told_with_both_numbers() {
    let facts = Facts { somaxconn: Some(128), ..host() };
    let examination = Examination::of(&facts, &demand(), Some(1000));
    let queue = found(&examination, "accept queue");
    assert_eq!(queue.bound, Bound::At(258));
    assert!(queue.stands.contains("backlog=511, somaxconn 128"), "{}", queue.stands);
    assert_eq!(queue.remedies[0].action, "sysctl -w net.core.somaxconn=65535");
}

#[test]
fn both_forms_say_the_same() {
    let facts = Facts {
        nofile: nofile(1024, 1024),
        unread: vec![("/proc/x".to_owned(), "13: Permission \"denied\"".to_owned())],
        ..host()
    };
    let examination = Examination::of(&facts, &demand(), Some(5000));
    let shown = text::write(&examination, &facts, &demand(), Some("/etc/a.conf"));
    assert!(shown.starts_with("/etc/a.conf\n2 shards, Linux 6.18.1-x, resource limits of this shell"), "{shown}");
    assert!(shown.contains("\n5,000 tunnels are out of reach; first limit: descriptors at 496 tunnels\n"), "{shown}");
    assert!(shown.contains("/proc/x told nothing (13: Permission \"denied\")"), "{shown}");
    let object = json::write(&examination, &facts, &demand(), Some("/etc/a.conf"));
    for line in [
        "  \"tunnels_wanted\": 5000,\n  \"reachable\": false,\n  \"first_limit\": \"descriptors\",\n",
        "  \"tunnels_reachable\": 496,\n",
        "{\"path\": \"/proc/x\", \"reason\": \"13: Permission \\\"denied\\\"\"}",
        "{\"name\": \"descriptors\", \"kind\": \"held\", \"bound\": \"at\", \"tunnels\": 496, \"stands\": \"hard limit 1,024",
    ] {
        assert!(object.contains(line), "no {line} in {object}");
    }
}

#[test]
fn a_host_is_read_below_the_root_that_is_given() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/77/limits", "Limit  Soft  Hard\nMax open files            300    400     files\n");
    write("proc/77/comm", "longhaul\n");
    write("proc/77/fd/0", "");
    write("proc/77/fd/1", "");
    write("proc/sys/net/ipv4/ip_local_port_range", "1000\t1999\n");
    write("proc/sys/net/ipv4/ip_local_reserved_ports", "1500-1509,9000\n");
    write("proc/sys/fs/nr_open", "many\n");
    // A folder where a file should be: it is there, and cannot be read.
    write("proc/meminfo/x", "");
    write("proc/sys/net/netfilter/nf_conntrack_max", "500\n");
    write("run/pid", "77\n");
    let pid_file = root.path().join("run/pid");
    let read = |pid_file| facts::read(root.path(), pid_file, host().ring);
    let facts = read(Some(pid_file.as_path()));
    assert_eq!((facts.whose, facts.tunnels_open), (facts::Whose::Running(77), 1));
    assert_eq!(facts.nofile, nofile(300, 400));
    assert_eq!(facts.ports.map(Ports::count), Some(990));
    assert_eq!(facts.tracked, Some(Share { max: 500, used: 0 }));
    assert_eq!((facts.nr_open, facts.memory, facts.ring_disabled), (None, None, None));
    let why = |path: &str| facts.unread.iter().find(|(of, _)| of == path).map(|(_, reason)| reason.as_str());
    assert_eq!(why("/proc/sys/fs/nr_open"), Some("its text is not what it should be"));
    assert_eq!(why("/proc/meminfo"), Some("21: Is a directory"));
    assert_eq!(why("/proc/sys/kernel/io_uring_disabled"), None);
    // The program was installed under another name; then another program has the number.
    write("proc/77/comm", "proxy-2\n");
    write("proc/self/comm", "proxy-2\n");
    assert_eq!(read(Some(pid_file.as_path())).whose, facts::Whose::Running(77));
    write("proc/77/comm", "other\n");
    assert_eq!(read(Some(pid_file.as_path())).whose, facts::Whose::Ours);
}
