//! Whether a running app answers.

use crate::probe;

/// `Err` says why the app at `url` cannot be used yet; it must run `digest`, if that is known.
pub(super) async fn answers(url: &str, digest: Option<&str>) -> Result<(), String> {
    let version =
        probe::version(url).await.map_err(|error| format!("{url} does not answer yet: {error:#}"))?;
    match (version.image, digest) {
        (Some(runs), Some(digest)) if runs != digest => {
            Err(format!("{url} still runs {runs}, and not {digest}"))
        }
        _ => Ok(()),
    }
}

/// A URL without a slash at its end. AWS gives some without a scheme.
pub(super) fn url(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") }
}

/// The variable that tells the app which image it runs. It follows the image: nobody declares it.
pub(super) const IMAGE_DIGEST: &str = "IMAGE_DIGEST";

/// The digest in `…@sha256:…`.
pub(super) fn digest(reference: &str) -> Option<&str> {
    reference.split_once('@').map(|(_, digest)| digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_scheme_is_https() {
        assert_eq!(url("list-1.ecs.eu-west-1.on.aws"), "https://list-1.ecs.eu-west-1.on.aws");
        assert_eq!(url("http://127.0.0.1:5000/"), "http://127.0.0.1:5000");
    }

    #[test]
    fn only_a_reference_by_digest_has_one() {
        assert_eq!(digest("host/app@sha256:ab"), Some("sha256:ab"));
        assert_eq!(digest("host/app:src-1"), None);
    }
}
