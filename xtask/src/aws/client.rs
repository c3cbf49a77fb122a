//! The HTTP client below the SDK: through the proxy that the environment names, but to this machine without one; and
//! with errors that say where the request was going.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::proxy;

const TLS: Provider = Provider::Rustls(CryptoMode::Ring);

pub(super) fn client() -> SharedHttpClient {
    let direct = Builder::new().tls_provider(TLS).build_https();
    // The builder of a whole client knows no proxy.
    let proxied = Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(TLS).build()
    });
    SharedHttpClient::new(Client { direct, proxied })
}

#[derive(Debug)]
struct Client {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let direct = self.direct.http_connector(settings, components);
        let proxied = self.proxied.http_connector(settings, components);
        SharedHttpConnector::new(Ways { direct, proxied })
    }
}

#[derive(Debug)]
struct Ways {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for Ways {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url = request.uri().to_owned();
        let connector = if proxy::is_here(&url) { &self.direct } else { &self.proxied };
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| unreached(error, &url)) })
    }
}

/// Why a request did not arrive, or its answer did not.
#[derive(Debug)]
pub(super) struct Unreached {
    way: String,
    source: Box<dyn Error + Send + Sync>,
}

impl Display for Unreached {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "reach {}", self.way)
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The same kind of error, with where the request was going.
fn unreached(error: ConnectorError, url: &str) -> ConnectorError {
    let (timeout, user, io, other) = (error.is_timeout(), error.is_user(), error.is_io(), error.as_other());
    let connection = error.connection_metadata().cloned();
    let source = Box::new(Unreached { way: proxy::way(url), source: error.into_source() });
    let error = match () {
        () if timeout => ConnectorError::timeout(source),
        () if user => ConnectorError::user(source),
        () if io => ConnectorError::io(source),
        () => ConnectorError::other(source, other),
    };
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
    }
}
