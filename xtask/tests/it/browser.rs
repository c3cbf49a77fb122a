//! A person at a browser, scripted: opens a page, fills in its form, sends it, and goes where that leads.

use std::process::Command;

/// Opens a sign-in page and decides as `user`. Gives the page that comes at the end.
pub(crate) fn decide(link: &str, user: &str, decision: &str) -> String {
    let page = curl(&[link]);
    assert!(page.contains(&format!("<option value=\"{user}\">")), "{user} is not offered by {page}");
    let mut fields: Vec<String> = inputs(&page);
    fields.extend([format!("user={user}"), format!("decision={decision}")]);
    let action = attribute(&page, "action").expect("a form");
    let origin: Vec<&str> = link.splitn(4, '/').collect();
    let mut arguments: Vec<&str> = fields.iter().flat_map(|field| ["--data-urlencode", field]).collect();
    let target = format!("{}{action}", origin[..3].join("/"));
    arguments.push(&target);
    curl(&arguments)
}

/// What a page is opened with, decoded.
pub(crate) fn parameter(link: &str, name: &str) -> String {
    let pair = link.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let value = pair.unwrap_or_else(|| panic!("{link} has no {name}"));
    percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// Asks, and follows redirects.
pub(crate) fn curl(arguments: &[&str]) -> String {
    let ran = Command::new("curl").args(["-s", "-L"]).args(arguments).output().expect("curl");
    assert!(ran.status.success(), "{arguments:?}");
    String::from_utf8(ran.stdout).expect("text")
}

/// The fields that a form has filled in already, as `name=value`.
fn inputs(page: &str) -> Vec<String> {
    let filled = page.split("<input ").skip(1).map(|input| {
        let value = attribute(input, "value").expect("a value");
        format!("{}={}", attribute(input, "name").expect("a name"), unescaped(value))
    });
    filled.collect()
}

fn attribute<'h>(html: &'h str, name: &str) -> Option<&'h str> {
    html.split_once(&format!("{name}=\""))?.1.split('"').next()
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&amp;", "&")
}
