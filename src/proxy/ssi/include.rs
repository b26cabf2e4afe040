//! `include`: a request made inside, whose answer becomes a part of the page or the value of a variable.

use std::mem;

use crate::http::Fields;
use crate::http::framing::BodyLength;
use crate::http::ssi::command::Command;
use crate::http::ssi::text::{expand_path, target};
use crate::limits::SSI_DEPTH_MAX;
use crate::proxy::body::Body;
use crate::proxy::exchange::{ClientSide, Exchange, Next};
use crate::proxy::failure::{Cause, Failure, Phase};
use crate::proxy::includes::{Includes, Refused};
use crate::proxy::responder::{Answer, Responder};
use crate::proxy::{respond, subrequest};

/// One that can be carried out.
pub struct Include {
    path: Vec<u8>,
    args: Option<Vec<u8>>,
    /// The block that stands in for an answer that is empty or fails.
    stub: Option<usize>,
    /// The variable that gets the answer.
    set: Option<Vec<u8>>,
    /// The page is not read on before the answer is there.
    pub is_waited: bool,
}

impl Include {
    pub fn prepare(exchange: &mut Exchange<'_>, command: &Command) -> Result<Self, Refused> {
        let (set, stub, wait) = (command.value("set"), command.value("stub"), command.value("wait"));
        let (uri, is_file) = match (command.value("virtual"), command.value("file")) {
            (Some(uri), Some(file)) => {
                let (uri, file) = (uri.escape_ascii(), file.escape_ascii());
                return Err(format!("inclusion may be either virtual=\"{uri}\" or file=\"{file}\""));
            }
            (None, None) => return Err("no parameter in \"include\" SSI command".to_owned()),
            (Some(uri), None) => (uri, false),
            (None, Some(file)) => (file, true),
        };
        if set.is_some() && stub.is_some() {
            return Err("\"set\" and \"stub\" cannot be used together in \"include\" SSI command".to_owned());
        }
        let is_waited = match wait {
            None => is_file,
            Some(_) if is_file => {
                return Err(format!("\"wait\" cannot be used with file=\"{}\"", uri.escape_ascii()));
            }
            Some(wait) if wait.eq_ignore_ascii_case(b"no") => false,
            Some(wait) if wait.eq_ignore_ascii_case(b"yes") => true,
            Some(wait) => return Err(format!("invalid value \"{}\" in the \"wait\" parameter", wait.escape_ascii())),
        };
        let (path, args) = target(&exchange.expanded_path(uri)?)?;
        let set = set.map(<[u8]>::to_ascii_lowercase);
        let Some(includes) = &mut exchange.includes else { return Err("no page".to_owned()) };
        let stub = match stub {
            Some(name) => Some(
                includes
                    .values
                    .block(name)
                    .ok_or_else(|| format!("\"stub\"=\"{}\" for \"include\" not found", name.escape_ascii()))?,
            ),
            None => None,
        };
        if let Some(name) = &set {
            includes.values.declare(name)?;
        }
        let shown = path.escape_ascii();
        if includes.depth >= SSI_DEPTH_MAX {
            return Err(format!("subrequests cycle while processing \"{shown}\""));
        }
        if !includes.values.count_include() {
            return Err(format!("request reference counter overflow while processing \"{shown}\""));
        }
        if includes.is_kept {
            return Err(format!("nested in-memory subrequest \"{shown}\""));
        }
        Ok(Self { path, args, stub, is_waited: is_waited || set.is_some(), set })
    }
}

impl Exchange<'_> {
    /// The path of an `include`, below the folder of this request's.
    fn expanded_path(&self, uri: &[u8]) -> Result<Vec<u8>, Refused> {
        let end = self.path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let mut failed = None;
        let path = expand_path(uri, &self.path[..end], |name, out| {
            failed = self.append_named(name, out).err().or(failed.take());
        })?;
        failed.map_or(Ok(path), Err)
    }

    /// Carries it out.
    pub(super) async fn include(&mut self, responder: &mut Responder<'_>, include: Include) -> Result<(), Failure> {
        let Some(includes) = &mut self.includes else { return Ok(()) };
        let Include { path, args, stub, set, is_waited: _ } = include;
        let asked = Includes {
            page: None,
            values: mem::take(&mut includes.values),
            depth: includes.depth + 1,
            is_kept: set.is_some(),
            stub,
            parent_type: includes.page.as_ref().and_then(|page| page.content_type.clone()),
            had_body: false,
        };
        let version = self.head.version;
        let stream = responder.outer_stream();
        let inner = match set {
            Some(_) => Responder::kept(version),
            None => Responder::within(responder.take_outer(), version),
        };
        let mut raw = Vec::new();
        let body = Body::new(BodyLength::None);
        let mut side = ClientSide { body, raw: &mut raw, responder: inner, expects_continue: false, may_stay: None };
        let asked = subrequest::Asked { path: &path, args, includes: Some(Box::new(asked)) };
        let (mut inner, next) = subrequest::run_into(self, asked, &mut side).await;
        let mut values = inner.includes.take().map(|includes| includes.values).unwrap_or_default();
        let status = inner.sent.borrow().status;
        let end = inner.end;
        subrequest::end(self, inner);
        let kept = side.responder.take_kept();
        if set.is_none() {
            responder.put_outer(side.responder.take_outer(), stream);
        }
        let (is_whole, is_dropped) = match next {
            Next::KeepAlive | Next::Close | Next::Linger | Next::Tunnel(_) => (true, false),
            // As in nginx the page goes on without the rest.
            Next::Cut => (false, false),
            Next::Drop => (false, true),
        };
        let mut done = Ok(());
        if let (Some(name), true, 0..=299, false) = (set, is_whole, status, kept.is_empty()) {
            done = values.set(&name, kept);
        }
        if let Some(includes) = &mut self.includes {
            includes.values = values;
        }
        if let Err(words) = done {
            self.report_refused(&words);
        }
        if is_dropped {
            self.end = self.end.or(end);
            return Err(Failure::new(Phase::SendingToClient, Cause::Included));
        }
        Ok(())
    }

    /// The end of an answer: one without a body is filled with the block that stands in for it.
    pub async fn fill(&mut self, side: &mut ClientSide<'_>, next: Next) -> Next {
        if let Next::Drop = &next
            && side.responder.sent.status == respond::CLOSE_WITHOUT_ANSWER
            && let Some(given) = give_stub(self, side).await
        {
            return given.unwrap_or(Next::Drop);
        }
        let Some(includes) = &mut self.includes else { return next };
        let is_empty = !includes.had_body && side.responder.sent.bytes == 0;
        let (Some(stub), true, Next::KeepAlive | Next::Close) = (includes.stub.take(), is_empty, &next) else {
            return next;
        };
        let text = includes.values.block_text(stub);
        match self.take_piece(&mut side.responder, &text).await {
            Ok(()) => next,
            Err(_) => Next::Drop,
        }
    }
}

/// Answers with the block that stands in for an answer that fails; `None` where there is none.
pub async fn give_stub(exchange: &mut Exchange<'_>, side: &mut ClientSide<'_>) -> Option<Result<Next, Failure>> {
    let includes = exchange.includes.as_mut()?;
    let text = includes.values.block_text(includes.stub.take()?);
    let mut fields = Fields::new();
    if let Some(content_type) = &includes.parent_type {
        fields.push(b"Content-Type", content_type);
    }
    let answer = Answer { status: 200, reason: None, fields, length: BodyLength::UntilClose };
    exchange.begin(&mut side.responder, answer);
    let done = match exchange.take_piece(&mut side.responder, &text).await {
        Ok(()) => exchange.take_end(&mut side.responder).await,
        Err(failure) => Err(failure),
    };
    Some(done.map(|()| respond::after(side)))
}
