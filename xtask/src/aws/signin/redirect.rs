//! The loopback address that a browser is sent back to with its authorization code.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::report::duration;

/// Somebody who listens for the browser.
pub(super) struct Redirect(TcpListener);

const PATH: &str = "/oauth/callback";
/// The longest request that is read.
const LONGEST: usize = 16 * 1024;
/// How long a connection may be silent: browsers open some that they never use.
const SILENCE: Duration = Duration::from_secs(30);

impl Redirect {
    pub(super) async fn listen() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        Ok(Self(listener.context("listen on a port of 127.0.0.1 for the browser")?))
    }

    /// Where the browser is to be sent.
    pub(super) fn address(&self) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}{PATH}", self.0.local_addr()?.port()))
    }

    /// The code that the browser brings. Fails when it brings another `state`, a refusal, or nothing in time.
    pub(super) async fn code(&self, state: &str, patience: Duration) -> Result<String> {
        let waited = timeout(patience, self.first_answer(state)).await;
        waited.map_err(|_elapsed| {
            anyhow!(
                "the browser did not come back within {}, and nothing was written: run `cargo xtask login` again, or \
                 with --device where this machine's browser cannot reach it",
                duration(patience)
            )
        })?
    }

    async fn first_answer(&self, state: &str) -> Result<String> {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.0.accept() => {
                    let (stream, _) = accepted.context("listen for the browser")?;
                    let state = state.to_owned();
                    visits.spawn(async move { timeout(SILENCE, visit(stream, &state)).await });
                }
                Some(visited) = visits.join_next() => {
                    if let Ok(Ok(Some(answer))) = visited {
                        return answer;
                    }
                }
            }
        }
    }
}

/// What one request brings; none when it is not the one that is waited for.
async fn visit(mut stream: TcpStream, state: &str) -> Option<Result<String>> {
    let request = read_head(&mut stream).await?;
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let query = target.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('?'));
    let answer = query.map(|query| code(query, state));
    let (status, text) = match &answer {
        None => ("404 Not Found", "There is nothing here.".to_owned()),
        Some(Ok(_)) => ("200 OK", "You are signed in. You can close this window.".to_owned()),
        Some(Err(error)) => ("400 Bad Request", format!("You are not signed in: {error}.")),
    };
    let page = format!("<!doctype html><html lang=\"en\"><title>Foothold</title><p>{text}</p></html>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n",
        page.len()
    );
    // The person may have closed the window: the answer counts all the same.
    stream.write_all(format!("{head}{page}").as_bytes()).await.ok();
    stream.shutdown().await.ok();
    answer
}

/// A request up to the empty line.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1024];
        let length = stream.read(&mut part).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&part[..length]);
        if bytes.len() > LONGEST {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The code in a query that carries our state.
fn code(query: &str, state: &str) -> Result<String> {
    let value = |name: &str| {
        let pair = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pair.into_iter().find(|(key, _)| *key == name)?.1.replace('+', " ");
        Some(percent_decode_str(&found).decode_utf8_lossy().into_owned())
    };
    if value("state").as_deref() != Some(state) {
        bail!("the browser came back with another state than it was sent with, so from another sign-in")
    }
    match (value("error").as_deref(), value("code")) {
        (Some("access_denied"), _) => bail!("the request was denied in the browser"),
        (Some(error), _) => bail!("Identity Center answered `{}`", error.escape_default()),
        (None, Some(code)) => Ok(code),
        (None, None) => bail!("the browser came back without a code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(address: &str, rest: &str) -> (String, String) {
        let host = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(format!("GET {rest} HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    #[tokio::test]
    async fn a_silent_connection_and_an_icon_are_not_the_answer() {
        let redirect = Redirect::listen().await.unwrap();
        let address = redirect.address().unwrap();
        let silent = TcpStream::connect(address.split('/').nth(2).unwrap()).await.unwrap();
        let browser = async {
            let (head, _) = ask(&address, "/favicon.ico").await;
            assert!(head.starts_with("HTTP/1.1 404"), "{head}");
            ask(&address, &format!("{PATH}?code=a%2Bb&state=s")).await
        };
        let (code, (head, body)) = tokio::join!(redirect.code("s", SILENCE), browser);
        assert_eq!(code.unwrap(), "a+b");
        assert!(head.starts_with("HTTP/1.1 200") && body.contains("You are signed in"), "{head} {body}");
        drop(silent);
    }

    #[tokio::test]
    async fn another_state_a_refusal_and_markup_are_no_code() {
        for (query, said) in [
            ("code=c&state=x", "another state"),
            ("code=c", "another state"),
            ("error=access_denied&state=s", "denied in the browser"),
            ("error=%3Cb%3E&state=s", "answered `<b>`"),
            ("state=s", "without a code"),
        ] {
            let redirect = Redirect::listen().await.unwrap();
            let target = format!("{PATH}?{query}");
            let address = redirect.address().unwrap();
            let (code, (head, _)) = tokio::join!(redirect.code("s", SILENCE), ask(&address, &target));
            let error = code.err().unwrap().to_string();
            assert!(error.contains(said) && head.starts_with("HTTP/1.1 400"), "{query}: {error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_never_comes_is_waited_for_so_long() {
        let redirect = Redirect::listen().await.unwrap();
        let error = redirect.code("s", Duration::from_secs(600)).await.err().unwrap().to_string();
        assert!(error.contains("within 10 min, "), "{error}");
    }
}
