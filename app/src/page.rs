//! The page for people: the listing as HTML, complete without scripts, kept fresh by `page.js`.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::listing::Listing;
use crate::state::App;

const TEMPLATE: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");
const ICON: &str = include_str!("../page/icon.svg");

/// Only what this app serves itself may run or load.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, before the first value without a listing.
pub(crate) fn page(app: &App, listing: Option<&Listing<'_>>) -> Response {
    let html = fill(TEMPLATE, |name| match name {
        "name" => escape(&app.about.name),
        "stage" => escape(&app.about.stage),
        "region" => escape(&app.about.region),
        "date" => escape(app.services.date),
        "version" => listing.map_or_else(|| "none yet".to_owned(), |listing| escape(listing.version)),
        "age" => listing.map(|listing| listing.age.to_string()).unwrap_or_default(),
        "count" => listing.map_or_else(|| "Waiting for the first configuration.".to_owned(), count),
        "services" => listing.map(items).unwrap_or_default(),
        _ => String::new(),
    });
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html).into_response()
}

pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

fn asset(content_type: &'static str, content: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "max-age=300")];
    (headers, content).into_response()
}

fn count(listing: &Listing<'_>) -> String {
    match listing.services.len() {
        shown if shown == listing.total => format!("All {shown} services"),
        shown => format!("{shown} of {} services", listing.total),
    }
}

fn items(listing: &Listing<'_>) -> String {
    listing.services.iter().map(|service| format!("<li>{}</li>", escape(service))).collect()
}

/// Replaces each `{{name}}`, once: a value is never looked into.
fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        filled += &value(name);
        filled += rest;
    }
    filled
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_become_markup_or_another_placeholder() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        let filled = fill("<p>{{a}} and {{b}}</p>", |name| match name {
            "a" => "{{b}}".to_owned(),
            _ => "B".to_owned(),
        });
        assert_eq!(filled, "<p>{{b}} and B</p>");
    }
}
