//! `stub_status`: what the counters of all shards say, in nginx's words.

use super::exchange::{ClientSide, Exchange, Next};
use super::failure::{Cause, Failure};
use super::respond;
use crate::http::Method;
use crate::observe::metrics::Totals;

/// Answers with the page.
///
/// # Errors
/// 405 for methods other than GET and HEAD, or when the client does not take it.
pub async fn run(exchange: &mut Exchange<'_>, side: &mut ClientSide<'_>) -> Result<Next, Failure> {
    if !matches!(exchange.head.method, Method::Get | Method::Head) {
        return Err(exchange.failure(Cause::Status(405)));
    }
    let page = text(&exchange.shard.metrics.totals());
    let mut fields = respond::standard_fields(exchange);
    fields.push(b"Content-Type", b"text/plain");
    respond::send(exchange, side, 200, fields, page.as_bytes()).await
}

fn text(totals: &Totals) -> String {
    let Totals { accepted, handled, requests, active, reading, waiting, .. } = totals;
    let writing = totals.writing + totals.tunnels;
    format!(
        "Active connections: {active} \nserver accepts handled requests\n {accepted} {handled} {requests} \n\
         Reading: {reading} Writing: {writing} Waiting: {waiting} \n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_form_that_collectors_read() {
        let totals = Totals {
            accepted: 7,
            handled: 6,
            requests: 9,
            active: 5,
            reading: 1,
            writing: 2,
            waiting: 1,
            tunnels: 1,
            ..Totals::default()
        };
        assert_eq!(
            text(&totals),
            "Active connections: 5 \nserver accepts handled requests\n 7 6 9 \nReading: 1 Writing: 3 Waiting: 1 \n"
        );
    }
}
