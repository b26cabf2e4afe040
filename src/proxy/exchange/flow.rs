//! The phases of an exchange, and how they begin again: after a rewrite, an index, `try_files` or an error page.
//!
//! Which phase comes next is decided here; what happens in one is another module's.

use std::sync::Arc;

use super::{ClientSide, Exchange, Next};
use crate::http::{Method, target};
use crate::limits::INTERNAL_REDIRECTS_MAX;
use crate::model::{Content, ErrorPage, LastResort, Location, Matching, PageStatus, Target, TryFiles};
use crate::proxy::answer::late;
use crate::proxy::failure::{Cause, Failure};
use crate::proxy::peer::of_client;
use crate::proxy::steps::{Given, Ran};
use crate::proxy::{admission, files, pass, real_ip, respond, ssi, status_page};
use crate::route;

/// Where the phases begin again.
pub enum Entry<'c> {
    /// The steps of the server, then the location of the path.
    Server,
    /// The location of the path.
    Path,
    /// This location.
    Named(&'c Arc<Location>),
}

/// What one way through the phases gave.
pub enum Turn<'c> {
    Done(Next),
    Again(Entry<'c>),
}

impl<'c> Exchange<'c> {
    /// Goes through the phases until there is an answer, that of an error included.
    pub async fn go(&mut self, side: &mut ClientSide<'_>, begun: Result<(), Failure>) -> Next {
        let mut turn = begun.map(|()| Turn::Again(Entry::Server));
        loop {
            turn = match turn {
                Ok(Turn::Done(next)) => return next,
                Ok(Turn::Again(entry)) => self.turn(side, entry).await,
                Err(failure) => Box::pin(self.fail(side, failure)).await,
            };
        }
    }

    async fn turn(&mut self, side: &mut ClientSide<'_>, entry: Entry<'c>) -> Result<Turn<'c>, Failure> {
        self.passes_nowhere = false;
        if let Entry::Server = entry {
            self.has_own_path = false;
            self.location = &self.server.root;
            real_ip::apply(self);
            if !self.location.steps.is_empty() {
                self.begin_client_settings(side);
                if let Ran::Answer(given) = self.run_steps(self.location)? {
                    return self.give(side, given).await;
                }
            }
        }
        match entry {
            Entry::Server | Entry::Path => self.locate(side)?,
            Entry::Named(location) => {
                self.location = location;
                self.apply_client_settings(side);
            }
        }
        let location = self.location;
        // Those of the server were run on the way here.
        if !location.steps.is_empty() && !matches!(location.matching, Matching::Server) {
            match self.run_steps(location)? {
                Ran::On => {}
                Ran::Answer(given) => return self.give(side, given).await,
                Ran::Relocated => {
                    self.count_redirect()?;
                    return Ok(Turn::Again(Entry::Path));
                }
            }
            // By an `if`.
            if !Arc::ptr_eq(location, self.location) {
                self.apply_client_settings(side);
            }
        }
        if !self.location.admits_all {
            Box::pin(admission::check(self)).await?;
        }
        let location = self.location;
        if let Some(tries) = &location.try_files
            && let Some(turn) = self.try_files(tries)?
        {
            return Ok(turn);
        }
        match &location.content {
            Content::Proxy(to) => pass::run(self, side, to).await.map(Turn::Done),
            Content::StubStatus => Box::pin(status_page::run(self, side)).await.map(Turn::Done),
            Content::Files if self.passes_nowhere => {
                Err(self.failure(Cause::Refused(500, "no upstream configuration")))
            }
            Content::Files => {
                skim(side)?;
                match Box::pin(files::run(self, side)).await? {
                    files::Served::Answered(next) => Ok(Turn::Done(next)),
                    files::Served::Index(path) => {
                        self.change_path(path);
                        self.count_redirect()?;
                        Ok(Turn::Again(Entry::Server))
                    }
                }
            }
        }
    }

    /// The answer of a step.
    async fn give(&mut self, side: &mut ClientSide<'_>, given: Given) -> Result<Turn<'c>, Failure> {
        match given {
            Given::Returned(answer) => {
                skim(side)?;
                Box::pin(respond::returned(self, side, &answer)).await.map(Turn::Done)
            }
            Given::Redirect(status, to) => Err(self.failure(Cause::Redirect(status, to))),
        }
    }

    fn try_files(&mut self, tries: &TryFiles) -> Result<Option<Turn<'c>>, Failure> {
        for file in &tries.files {
            let name = self.evaluate(&file.name);
            let (file_path, path) = files::below(self, &name);
            let found = std::fs::metadata(file_path);
            if found.is_ok_and(|metadata| metadata.is_dir() == file.is_folder) {
                self.path = path;
                self.raw_path = None;
                return Ok(None);
            }
        }
        match &tries.last {
            LastResort::Status(status) => Err(self.failure(Cause::Status(*status))),
            LastResort::Target(Target::Named(name)) => self.enter_named(name).map(Some),
            LastResort::Target(Target::Uri(template)) => {
                let uri = self.evaluate(template);
                self.redirect_inside(&uri).map(Some)
            }
        }
    }

    /// Goes on at a named location.
    fn enter_named(&mut self, name: &str) -> Result<Turn<'c>, Failure> {
        self.count_redirect()?;
        self.is_internal = true;
        match route::named(self.server, name) {
            Some(location) => Ok(Turn::Again(Entry::Named(location))),
            None => Err(self.failure(Cause::NoSuchLocation(name.into()))),
        }
    }

    /// `X-Accel-Redirect` of a peer. Its path is decoded like a client's, and must not lead upwards at all.
    fn send_inside(&mut self, to: &[u8]) -> Result<Turn<'c>, Failure> {
        if let Some(name) = to.strip_prefix(b"@") {
            return self.enter_named(&String::from_utf8_lossy(name));
        }
        let mut parts = to.splitn(2, |byte| *byte == b'?');
        let raw = parts.next().unwrap_or_default();
        let is_upwards = |segment: &[u8]| {
            let dots = segment.to_ascii_lowercase();
            matches!(&*dots, b".." | b".%2e" | b"%2e." | b"%2e%2e")
        };
        let path = target::normalize(raw, false).ok().filter(|_| !raw.split(|byte| *byte == b'/').any(is_upwards));
        let Some(path) = path else {
            return Err(self.failure(Cause::Refused(404, "upstream sent an unsafe X-Accel-Redirect")));
        };
        self.args = parts.next().map(<[u8]>::to_vec);
        if self.head.method != Method::Head {
            self.head.method = Method::Get;
        }
        self.change_path(path);
        self.count_redirect()?;
        Ok(Turn::Again(Entry::Server))
    }

    /// Goes on at another path, with the arguments that stand behind it.
    pub(in crate::proxy) fn redirect_inside(&mut self, uri: &[u8]) -> Result<Turn<'c>, Failure> {
        let mut parts = uri.splitn(2, |byte| *byte == b'?');
        let path = parts.next().unwrap_or_default().to_vec();
        self.args = parts.next().map(<[u8]>::to_vec);
        self.change_path(path);
        self.count_redirect()?;
        Ok(Turn::Again(Entry::Server))
    }

    /// What the client sent no longer stands for the path.
    fn change_path(&mut self, path: Vec<u8>) {
        self.path = path;
        self.raw_path = None;
        self.is_internal = true;
    }

    fn count_redirect(&mut self) -> Result<(), Failure> {
        self.redirect_count += 1;
        if self.redirect_count <= INTERNAL_REDIRECTS_MAX {
            return Ok(());
        }
        Err(self.failure(Cause::Refused(500, "rewrite or internal redirection cycle")))
    }

    /// What becomes of a failure: its line in the log, then its error page, the built-in page, or silence.
    async fn fail(&mut self, side: &mut ClientSide<'_>, failure: Failure) -> Result<Turn<'c>, Failure> {
        if let Cause::Inside(to) = failure.cause() {
            return self.send_inside(to);
        }
        let status = failure.status();
        if self.is_worth_a_line(&failure) {
            self.report(failure.level(), format_args!("{failure}"));
        }
        self.end.get_or_insert(failure.end());
        let is_lost = side.responder.has_begun() || !failure.leaves_client();
        if is_lost || respond::closes_without_answer(status) {
            if !side.responder.has_begun() {
                side.responder.sent.status = status;
            } else if failure.is_of_peer() {
                return Ok(Turn::Done(self.cut(side).await));
            }
            return Ok(Turn::Done(Next::Drop));
        }
        if respond::closes_connection(status) {
            self.must_close = true;
            side.responder.keep_alive = false;
        }
        if let Cause::Redirect(_, to) = failure.cause() {
            let to = respond::absolute(self, to);
            self.carried_on().redirect_to = Some(to);
        }
        if let Some(given) = ssi::give_stub(self, side).await {
            return given.map(Turn::Done);
        }
        let location = self.location;
        if self.may_have_error_page()
            && let Some(page) = error_page_of(location, status)
        {
            self.had_error_page |= !location.error_pages.recursive;
            return self.enter_error_page(side, status, page).await;
        }
        self.show_status(side, None);
        let next = respond::error_page(self, side, status).await;
        Ok(Turn::Done(next.unwrap_or(Next::Drop)))
    }

    /// The peer's failure ends an answer in the middle. What came of it before still reaches the client, however slow.
    async fn cut(&self, side: &mut ClientSide<'_>) -> Next {
        match Box::pin(side.responder.give_rest()).await {
            Ok(()) => Next::Cut,
            Err(error) => {
                let failure = late(error);
                self.report(failure.level(), format_args!("{failure}"));
                Next::Drop
            }
        }
    }

    fn is_worth_a_line(&self, failure: &Failure) -> bool {
        match failure.cause() {
            Cause::Status(_) | Cause::Redirect(..) | Cause::Inside(_) | Cause::Included => false,
            Cause::File(404, _) => self.location.log_not_found,
            _ => true,
        }
    }

    fn may_have_error_page(&self) -> bool {
        !self.had_error_page && self.redirect_count <= INTERNAL_REDIRECTS_MAX
    }

    /// Whether an answer of that status would give way to an error page.
    pub(in crate::proxy) fn has_error_page(&self, status: u16) -> bool {
        self.may_have_error_page() && error_page_of(self.location, status).is_some()
    }

    async fn enter_error_page(
        &mut self,
        side: &mut ClientSide<'_>,
        status: u16,
        page: &ErrorPage,
    ) -> Result<Turn<'c>, Failure> {
        self.show_status(
            side,
            match page.answers_with {
                PageStatus::Same => Some(status),
                PageStatus::OfPage => None,
                PageStatus::Is(status) => Some(status),
            },
        );
        let uri = match &page.target {
            Target::Named(name) => return self.enter_named(name),
            Target::Uri(template) => self.evaluate(template),
        };
        if uri.starts_with(b"/") {
            if self.head.method != Method::Head {
                self.head.method = Method::Get;
            }
            return self.redirect_inside(&uri);
        }
        let code = match self.shown_status {
            Some(code @ (301 | 302 | 303 | 307 | 308)) => code,
            Some(_) | None => 302,
        };
        self.show_status(side, None);
        let to = respond::absolute(self, &uri);
        self.carried_on().redirect_to = Some(to);
        let next = respond::error_page(self, side, code).await;
        Ok(Turn::Done(next.unwrap_or(Next::Drop)))
    }

    /// The status that the client is told, whatever the page answers with.
    pub(in crate::proxy) fn show_status(&mut self, side: &mut ClientSide<'_>, status: Option<u16>) {
        self.shown_status = status;
        side.responder.shown_status = status;
    }
}

/// An answer that wants no body drops what is here of it; what is no body is refused.
fn skim(side: &mut ClientSide<'_>) -> Result<(), Failure> {
    side.body.skim(side.raw).map_err(of_client)
}

fn error_page_of(location: &Location, status: u16) -> Option<&ErrorPage> {
    location.error_pages.pages.iter().find(|page| page.status == status)
}
