//! Names that groups follow: what is asked for them, and what becomes of the answers.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use crate::model::{Followed, LogLevel, Serving, UpstreamId};
use crate::names::{Names, Told, Unresolved};
use crate::observe::error_log;
use crate::upstream::Groups;

/// The resolvers of a generation, following the names of its groups.
pub(super) fn names(serving: &Serving, groups: &Arc<Groups>, before: Option<&Names>) -> Names {
    let mut names = Names::new(serving, before);
    for (number, upstream) in serving.upstreams.iter().enumerate() {
        for (at, followed) in upstream.followed.iter().enumerate() {
            // The configuration refuses more groups than ids can number.
            let place = Place { groups: Arc::downgrade(groups), group: UpstreamId(number as u16), at };
            let Followed { resolver, timeout, host, .. } = followed;
            names.follow(*resolver, host, *timeout, place.told(host));
        }
    }
    names
}

/// One followed name of a group.
struct Place {
    /// The generation may go while a question is under way.
    groups: Weak<Groups>,
    group: UpstreamId,
    at: usize,
}

impl Place {
    fn told(self, host: &str) -> Told {
        let host = host.to_owned();
        Box::new(move |found| match found {
            Ok(addresses) => self.change(addresses),
            Err(error) => {
                let text = format_args!("{host} could not be resolved ({error})");
                error_log::write(LogLevel::Error, None, text);
                self.lose(error);
            }
        })
    }

    fn change(&self, addresses: &[IpAddr]) {
        if let Some(groups) = self.groups.upgrade() {
            groups.change(self.group, self.at, addresses);
        }
    }

    /// A name that is gone takes its peers with it; one that could not be asked for keeps them, as in nginx.
    fn lose(&self, error: Unresolved) {
        if error.is_final() {
            self.change(&[]);
        }
    }
}
