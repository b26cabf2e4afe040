//! Configurations that cannot be used: the first line is nginx's, place included, and nothing is half-read in silence.

use super::support::{Setup, http};

/// What `-t` says about the body of an `http` block; `%conf%` in expectations is the file's path.
fn errors_of(body: &str) -> (String, String) {
    let setup = Setup::new();
    setup.write(&http(body));
    let output = setup.command(&["-t"]).output().expect("the binary runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "accepted: {body}\n{errors}");
    (errors, setup.dir().join("nginx.conf").display().to_string())
}

/// The line of the body's first line in the file that `http` makes of it.
fn first_line() -> usize {
    http("%").lines().position(|line| line == "%").expect("the body") + 1
}

#[test]
fn the_first_line_in_nginx_s_words() {
    for (body, words) in [
        ("nonsense 1;", "unknown directive \"nonsense\""),
        ("server { listen 127.0.0.1:99999; }", "invalid port in \"127.0.0.1:99999\" of the \"listen\" directive"),
        ("server { listen; }", "invalid number of arguments in \"listen\" directive"),
        ("server { root a b; }", "invalid number of arguments in \"root\" directive"),
        ("server { server { } }", "\"server\" directive is not allowed here"),
        ("location / { }", "\"location\" directive is not allowed here"),
        (
            "server { tcp_nodelay maybe; }",
            "invalid value \"maybe\" in \"tcp_nodelay\" directive, it must be \"on\" or \"off\"",
        ),
        ("server { keepalive_timeout soon; }", "\"keepalive_timeout\" directive invalid value"),
        ("server { client_max_body_size much; }", "\"client_max_body_size\" directive invalid value"),
        ("server { root /a; root /b; }", "\"root\" directive is duplicate"),
        ("server { location / { } location / { } }", "duplicate location \"/\""),
        ("server { location / { proxy_pass http://none.invalid; } }", "host not found in upstream \"none.invalid\""),
        ("server { location / { return 200 $nothing; } }", "unknown \"nothing\" variable"),
        ("upstream u { }", "no servers are inside upstream"),
        ("access_log /x nowhere;", "unknown log format \"nowhere\""),
        ("include /nowhere/at/all.conf;", "open() \"/nowhere/at/all.conf\" failed (2: No such file or directory)"),
    ] {
        let (errors, conf) = errors_of(body);
        let first = errors.lines().next().unwrap_or_default();
        assert!(first.contains("longhaul: [emerg] "), "for {body}: {errors}");
        assert!(first.contains(words), "for {body}: {errors}");
        let place = format!(" in {conf}:{}", first_line());
        assert!(first.ends_with(&place), "no {place} for {body}: {errors}");
    }
}

#[test]
fn an_unfinished_file_names_what_is_missing() {
    for (text, words) in [
        ("http {", "unexpected end of file, expecting \"}\""),
        ("events { } }", "unexpected \"}\""),
        ("worker_processes 1", "unexpected end of file, expecting \";\" or \"}\""),
        ("http { server { listen 80 } }", "unexpected \"}\""),
        ("error_log \"x;", "unexpected end of file"),
    ] {
        let setup = Setup::new();
        setup.write(text);
        let output = setup.command(&["-t"]).output().expect("the binary runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.lines().next().is_some_and(|line| line.contains(words)), "for {text}: {errors}");
    }
}

#[test]
fn below_it_the_quoted_line_with_a_mark_and_the_nearest_name() {
    let (errors, _) = errors_of("server { proxy_set_haeder Host $host; }");
    assert!(errors.contains("server { proxy_set_haeder Host $host; }"), "{errors}");
    assert!(errors.contains("^^^^^^^^^^^^^^^^"), "{errors}");
    assert!(errors.contains("proxy_set_header"), "{errors}");
}

#[test]
fn several_errors_are_all_reported_up_to_twenty() {
    let three = errors_of("one;\ntwo;\nthree;").0;
    for word in ["one", "two", "three"] {
        assert!(three.contains(&format!("unknown directive \"{word}\"")), "{three}");
    }
    let many: String = (0..50).map(|n| format!("x{n};\n")).collect();
    let errors = errors_of(&many).0;
    assert_eq!(errors.matches("unknown directive").count(), 20, "{errors}");
}

#[test]
fn what_is_not_there_yet_is_refused_with_a_reason() {
    for body in ["server { listen %listen% ssl; }", "fastcgi_pass 127.0.0.1:1;", "server { location / { perl x; } }"] {
        let (errors, _) = errors_of(body);
        assert!(errors.contains("[emerg]"), "for {body}: {errors}");
    }
}

#[test]
fn what_has_no_meaning_here_is_accepted_with_one_warning() {
    let setup = Setup::new();
    setup.write(&http("sendfile on; tcp_nopush on;\nserver { listen %listen%; sendfile on; return 200; }"));
    let output = setup.command(&["-t"]).output().expect("the binary runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
}
