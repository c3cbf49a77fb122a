//! Proxies, as the environment names them: which one a request goes through, so that an error can say so.
//!
//! What is on this machine is never asked through one: there it is something else, or nothing.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Whether a URL leads to this machine.
pub(crate) fn is_here(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The host of a URL, and the proxy that stands before it. Never the password that the proxy may want.
pub(crate) fn way(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let Some(host) = uri.as_ref().and_then(|uri| Some(uri.authority()?.to_string())) else {
        return url.to_owned();
    };
    let proxy = uri.filter(|_| !is_here(url)).and_then(|uri| Matcher::from_env().intercept(&uri));
    match proxy.as_ref().and_then(|proxy| proxy.uri().authority()) {
        Some(proxy) => format!(
            "{host} through the proxy {} (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names it; NO_PROXY leaves hosts out)",
            proxy.as_str().rsplit('@').next().unwrap_or_default()
        ),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_several_names() {
        for here in
            ["http://127.0.0.1:4566/a", "http://127.1.2.3", "http://localhost:1", "http://[::1]:4566/v2/"]
        {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in
            ["https://sts.eu-west-1.amazonaws.com", "http://10.0.0.1", "http://[fe80::1]/", "nonsense"]
        {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
