//! A fence around the HTTP client: in a sandbox, no request can reach anything but the sandbox.

use anyhow::{Context, Result};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// A client that refuses, before anything is sent, what is not for `endpoint`.
pub(super) fn around(client: SharedHttpClient, endpoint: &str) -> Result<SharedHttpClient> {
    let uri: http::Uri = endpoint.parse().with_context(|| format!("read the endpoint `{endpoint}`"))?;
    let authority =
        uri.authority().with_context(|| format!("find a host in the endpoint `{endpoint}`"))?.to_string();
    Ok(SharedHttpClient::new(Fence { client, authority }))
}

#[derive(Debug)]
struct Fence {
    client: SharedHttpClient,
    authority: String,
}

impl HttpClient for Fence {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(FencedConnector { connector, authority: self.authority.clone() })
    }
}

#[derive(Debug)]
struct FencedConnector {
    connector: SharedHttpConnector,
    authority: String,
}

impl HttpConnector for FencedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: Option<http::Uri> = request.uri().parse().ok();
        if uri.as_ref().and_then(|uri| uri.authority()).is_some_and(|a| a.as_str() == self.authority) {
            return self.connector.call(request);
        }
        let said = format!(
            "a request to {} was stopped: this run may talk to {} only",
            request.uri(),
            self.authority
        );
        HttpConnectorFuture::ready(Err(ConnectorError::user(said.into())))
    }
}
