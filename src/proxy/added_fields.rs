//! Fields that the configuration adds to an answer: `expires`, `add_header`, and `add_trailer` behind its body.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::charset;
use super::exchange::Exchange;
use super::responder::{Answer, Responder};
use super::{gzip, ssi};
use crate::http::framing::BodyLength;
use crate::http::{Fields, Name, Names, Version};
use crate::model::{AddHeader, Expires, Expiry};
use crate::observe::clock;

/// How old `epoch` says an answer is, and when `max` says that it ends, as in nginx.
const EPOCH: &str = "Thu, 01 Jan 1970 00:00:01 GMT";
const MAX: (&str, &str) = ("Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000");

/// Fields of which an answer has one: a line takes the place of what is there, and an empty value removes it.
const REPLACED: Names = Names::of(&[Name::LastModified, Name::Etag]);

impl Exchange<'_> {
    /// Chooses the answer, with what the location adds. A stop that began while it was made closes the connection
    /// after it.
    pub fn begin(&mut self, responder: &mut Responder<'_>, mut answer: Answer) {
        let length = match answer.length {
            BodyLength::Length(length) => Some(length),
            BodyLength::None | BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        let status = self.shown_status.unwrap_or(answer.status);
        if status == 204 || answer.fields.first(Name::ContentType).is_some_and(<[u8]>::is_empty) {
            // There is nothing that would have a type, or nobody knows it.
            answer.fields.remove(Name::ContentType);
        }
        self.add_headers(answer.status, length, &mut answer.fields);
        charset::label(self, status, &mut answer.fields);
        if self.location.ssi.is_some() {
            ssi::choose(self, responder, &mut answer);
        }
        responder.keep_at_most(self.location.subrequest_buffer_bytes);
        if let Some(rules) = &self.location.gzip {
            gzip::choose(self, rules, responder, &mut answer);
        }
        responder.keep_alive &= !self.shard.is_draining();
        responder.takes_chunks = self.location.client.chunks && self.head.version == Version::Http11;
        responder.pace = self.client_pace();
        responder.expects_trailers = self.trailers_of(answer.status).next().is_some();
        responder.begin(answer);
    }

    /// Adds what the location says. Values see the fields before them as those of the answer.
    pub fn add_headers(&self, code: u16, length: Option<u64>, fields: &mut Fields) {
        let added = &self.location.added;
        // Answers that no client sees get none: variables of theirs have no values yet.
        if (added.headers.is_empty() && added.expires == Expires::Off) || self.is_subrequest() {
            return;
        }
        let status = self.shown_status.unwrap_or(code);
        let usual = is_usual(status);
        {
            let mut sent = self.sent.borrow_mut();
            (sent.status, sent.length) = (status, length);
            std::mem::swap(&mut sent.fields, fields);
        }
        if usual {
            self.set_expires(&added.expires);
        }
        for header in added.headers.iter().filter(|header| usual || header.always) {
            let value = self.evaluate(&header.value);
            let known = &mut self.sent.borrow_mut().fields;
            let name = Name::of(&header.name);
            if REPLACED.has(name) {
                known.remove(name);
            }
            if !value.is_empty() {
                known.push_spelled(name, &header.name, &value);
            }
        }
        std::mem::swap(&mut self.sent.borrow_mut().fields, fields);
    }

    /// `add_trailer` lines that act on an answer of that status.
    fn trailers_of(&self, status: u16) -> impl Iterator<Item = &AddHeader> {
        let (usual, acts) = (is_usual(status), !self.is_subrequest());
        self.location.added.trailers.iter().filter(move |trailer| acts && (usual || trailer.always))
    }

    /// Gives the answer the fields behind its body, as their values are at its end.
    pub fn add_trailers(&self, responder: &mut Responder<'_>) {
        if self.location.added.trailers.is_empty() {
            return;
        }
        let status = responder.sent.status;
        self.sent.swap_with(&mut responder.sent);
        for trailer in self.trailers_of(status) {
            let value = self.evaluate(&trailer.value);
            if !value.is_empty() {
                self.sent_trailers.borrow_mut().get_or_insert_default().push(&trailer.name, &value);
                responder.trailers.get_or_insert_default().push(&trailer.name, &value);
            }
        }
        self.sent.swap_with(&mut responder.sent);
    }

    fn set_expires(&self, expires: &Expires) {
        let expiry = match expires {
            Expires::Off => None,
            Expires::At(expiry) => Some(*expiry),
            // As in nginx, what is no time leaves the answer alone.
            Expires::Evaluated { after_change, value } => {
                let value = self.evaluate(value);
                std::str::from_utf8(&value).ok().and_then(|text| Expiry::parse(text, *after_change).ok().flatten())
            }
        };
        let Some(expiry) = expiry else { return };
        let fields = &mut self.sent.borrow_mut().fields;
        let changed = fields.first(Name::LastModified).and_then(|value| {
            let time = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
            i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
        });
        let now = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        let (date, control) = said(expiry, now, changed);
        fields.set(Name::Expires, date.as_bytes());
        fields.set(Name::CacheControl, control.as_bytes());
    }
}

/// What `Expires` and `Cache-Control` say. `changed` is when the content was changed, in seconds since 1970.
fn said(expiry: Expiry, now: i64, changed: Option<i64>) -> (String, String) {
    let (at, is_old) = match expiry {
        Expiry::Epoch => return (EPOCH.to_owned(), "no-cache".to_owned()),
        Expiry::Max => return (MAX.0.to_owned(), MAX.1.to_owned()),
        Expiry::AfterAccess(0) | Expiry::AfterChange(0) => (now, false),
        Expiry::AfterAccess(seconds) => (now.saturating_add(seconds), seconds < 0),
        Expiry::AfterChange(seconds) => (changed.unwrap_or(now).saturating_add(seconds), seconds < 0),
        Expiry::Daily(seconds) => (clock::next_local(now, seconds), false),
    };
    let age = at - now;
    let date = Duration::from_secs(u64::try_from(at).unwrap_or_default());
    let control = if is_old || age < 0 { "no-cache".to_owned() } else { format!("max-age={age}") };
    (SystemTime::UNIX_EPOCH.checked_add(date).map(http_date).unwrap_or_default(), control)
}

/// The year 9999 is the last that a date of HTTP can name.
fn http_date(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    httpdate::fmt_http_date(time.min(SystemTime::UNIX_EPOCH + LAST))
}

/// Statuses that every line acts on.
fn is_usual(status: u16) -> bool {
    matches!(status, 200 | 201 | 204 | 206 | 301..=304 | 307 | 308)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: i64 = 784_111_777;

    fn of(expiry: Expiry, changed: Option<i64>) -> (String, String) {
        said(expiry, NOW, changed)
    }

    #[test]
    fn an_answer_grows_old_after_its_time() {
        let at = |date: &str, control: &str| (date.to_owned(), control.to_owned());
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(of(Expiry::AfterAccess(3600), None), at("Sun, 06 Nov 1994 09:49:37 GMT", "max-age=3600"));
        assert_eq!(of(Expiry::AfterAccess(0), None), at(now, "max-age=0"));
        assert_eq!(of(Expiry::AfterAccess(-60), None), at("Sun, 06 Nov 1994 08:48:37 GMT", "no-cache"));
        let changed = Some(NOW - 100);
        assert_eq!(of(Expiry::AfterChange(160), changed), at("Sun, 06 Nov 1994 08:50:37 GMT", "max-age=60"));
        assert_eq!(of(Expiry::AfterChange(40), changed), at("Sun, 06 Nov 1994 08:48:37 GMT", "no-cache"));
        assert_eq!(of(Expiry::AfterChange(60), None), at("Sun, 06 Nov 1994 08:50:37 GMT", "max-age=60"));
        assert_eq!(of(Expiry::AfterChange(0), changed), at(now, "max-age=0"));
        assert_eq!(of(Expiry::Epoch, None), at(EPOCH, "no-cache"));
        assert_eq!(of(Expiry::Max, None), at(MAX.0, MAX.1));
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let (_, control) = of(Expiry::Daily(0), None);
        let age: i64 = control.strip_prefix("max-age=").unwrap().parse().unwrap();
        assert!((1..=90_000).contains(&age), "{age}");
    }

    #[test]
    fn no_time_is_beyond_what_a_date_can_say() {
        assert_eq!(of(Expiry::AfterAccess(i64::MAX), None).0, "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(
            of(Expiry::AfterAccess(-NOW - 1), None),
            ("Thu, 01 Jan 1970 00:00:00 GMT".into(), "no-cache".into())
        );
    }
}
