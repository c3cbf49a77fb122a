//! Signing in to Identity Center: by a browser on this machine, or by a code on any.
//!
//! The authorization code grant with PKCE, as `aws sso login` uses it, and the device grant.

mod redirect;

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use aws_sdk_ssooidc::Client;
use aws_sdk_ssooidc::operation::create_token::CreateTokenOutput;
use aws_sdk_ssooidc::operation::register_client::RegisterClientOutput;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::token::{Renewal, Token, in_seconds};
use super::{Reach, SsoSession, explain, unsigned};
use redirect::Redirect;

/// How a person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a browser on this machine, which is sent back here.
    Browser,
    /// By a browser anywhere, in which a code is compared.
    Device,
}

/// The page that a person is to open.
pub(crate) struct Page<'p> {
    pub(crate) url: &'p str,
    /// What the page shows, too.
    pub(crate) code: Option<&'p str>,
}

/// Hears which page to open.
pub(crate) type Tell = dyn Fn(&Page<'_>) + Send + Sync;

const SCOPE: &str = "sso:account:access";
const BY_CODE: &str = "authorization_code";
const BY_DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const BY_REFRESH: &str = "refresh_token";

/// Signs in, and writes nothing. Waits for the person as long as `patience`.
pub(crate) async fn sign_in(
    reach: &Reach,
    session: &SsoSession,
    way: Way,
    patience: Duration,
    tell: &Tell,
) -> Result<Token> {
    let config = unsigned(reach, &session.region).await?;
    let client = Client::new(&config);
    let signed = match way {
        Way::Browser => {
            let own = config.endpoint_url().map(str::to_owned);
            let host = own.unwrap_or_else(|| format!("https://oidc.{}.amazonaws.com", session.region));
            by_browser(&client, session, &host, patience, tell).await
        }
        Way::Device => by_device(&client, session, patience, tell).await,
    };
    signed.with_context(|| format!("sign in at {}", session.start_url))
}

async fn by_browser(
    client: &Client,
    session: &SsoSession,
    host: &str,
    patience: Duration,
    tell: &Tell,
) -> Result<Token> {
    let redirect = Redirect::listen().await?;
    let address = redirect.address()?;
    let request = client.register_client().client_name("foothold").client_type("public").scopes(SCOPE);
    // The port is not known to the registration: a loopback redirect may have any.
    let request = request.grant_types(BY_CODE).grant_types(BY_REFRESH).issuer_url(&session.start_url);
    let answer = request.redirect_uris("http://127.0.0.1/oauth/callback").send().await;
    let registered = Registered::try_from(answer.map_err(explain).context("register this client")?)?;
    let (state, verifier) = (random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let endpoint = registered.endpoint.clone().unwrap_or_else(|| format!("{host}/authorize"));
    let parameters = [
        ("response_type", "code"),
        ("client_id", &registered.id),
        ("redirect_uri", &address),
        ("state", &state),
        ("code_challenge_method", "S256"),
        ("code_challenge", &challenge),
        ("scopes", SCOPE),
    ];
    let query =
        parameters.map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    tell(&Page { url: &format!("{endpoint}?{}", query.join("&")), code: None });
    let code = redirect.code(&state, patience).await?;
    let request = client.create_token().client_id(&registered.id).client_secret(&registered.secret);
    let request = request.grant_type(BY_CODE).code(code).code_verifier(verifier).redirect_uri(address);
    let answer = request.send().await.map_err(explain).context("change the code for a session")?;
    registered.token(session, answer)
}

async fn by_device(client: &Client, session: &SsoSession, patience: Duration, tell: &Tell) -> Result<Token> {
    let request = client.register_client().client_name("foothold").client_type("public").scopes(SCOPE);
    let answer = request.grant_types(BY_DEVICE).grant_types(BY_REFRESH).send().await;
    let registered = Registered::try_from(answer.map_err(explain).context("register this client")?)?;
    let request = client.start_device_authorization().client_id(&registered.id);
    let request = request.client_secret(&registered.secret).start_url(&session.start_url);
    let device = request.send().await.map_err(explain).context("ask for a code")?;
    let url = device.verification_uri_complete.as_deref().or(device.verification_uri.as_deref());
    tell(&Page { url: url.context("AWS names no page for the code")?, code: device.user_code.as_deref() });
    let asking = client.create_token().client_id(&registered.id).client_secret(&registered.secret);
    let asking = asking.grant_type(BY_DEVICE).set_device_code(device.device_code);
    let mut interval = Duration::from_secs(device.interval.clamp(1, 60).unsigned_abs().into());
    let end = Instant::now() + patience;
    loop {
        // The protocol is to ask again and again, this far apart.
        sleep(interval).await;
        match asking.clone().send().await.map_err(explain) {
            Ok(answer) => return registered.token(session, answer),
            Err(failure) if failure.is(&["SlowDownException"]) => interval += Duration::from_secs(5),
            Err(failure) if failure.is(&["AuthorizationPendingException"]) || failure.transient => {}
            Err(failure) if failure.is(&["AccessDeniedException"]) => {
                bail!("the request was denied in the browser, and nothing was written")
            }
            Err(failure) if failure.is(&["ExpiredTokenException"]) => return Err(too_late()),
            Err(failure) => return Err(failure.into()),
        }
        if Instant::now() >= end {
            return Err(too_late());
        }
    }
}

fn too_late() -> Error {
    anyhow!("nobody entered the code in time, and nothing was written: run `cargo xtask login` again")
}

/// A session of this client, renewed. `None`: the session has ended.
pub(super) async fn renewed(client: &Client, token: &Token, with: &Renewal) -> Result<Option<Token>> {
    let request = client.create_token().client_id(&with.client_id).client_secret(&with.client_secret);
    let request = request.grant_type(BY_REFRESH).refresh_token(&with.refresh_token);
    let answer = match request.send().await.map_err(explain) {
        Ok(answer) => answer,
        Err(failure) if failure.transient => return Err(Error::new(failure).context("renew the session")),
        Err(_) => return Ok(None),
    };
    let refresh_token = answer.refresh_token.unwrap_or_else(|| with.refresh_token.clone());
    Ok(Some(Token {
        access_token: answer.access_token.context("AWS sent no access token")?,
        expires_at: in_seconds(answer.expires_in.into()),
        renewal: Some(Renewal { refresh_token, ..with.clone() }),
        ..token.clone()
    }))
}

/// This client, as Identity Center knows it.
struct Registered {
    id: String,
    secret: String,
    /// Seconds since 1970.
    expires: i64,
    endpoint: Option<String>,
}

impl TryFrom<RegisterClientOutput> for Registered {
    type Error = Error;

    fn try_from(answer: RegisterClientOutput) -> Result<Self> {
        Ok(Self {
            id: answer.client_id.context("AWS names no client")?,
            secret: answer.client_secret.context("AWS sent no secret for the client")?,
            expires: answer.client_secret_expires_at,
            endpoint: answer.authorization_endpoint,
        })
    }
}

impl Registered {
    fn token(self, session: &SsoSession, answer: CreateTokenOutput) -> Result<Token> {
        let registration_expires_at = time::OffsetDateTime::from_unix_timestamp(self.expires)?;
        let (client_id, client_secret) = (self.id, self.secret);
        let renewal = answer.refresh_token.map(|refresh_token| Renewal {
            client_id,
            client_secret,
            registration_expires_at,
            refresh_token,
        });
        Ok(Token {
            start_url: session.start_url.clone(),
            region: session.region.clone(),
            access_token: answer.access_token.context("AWS sent no access token")?,
            expires_at: in_seconds(answer.expires_in.into()),
            renewal,
        })
    }
}

/// 32 bytes that nobody guesses, as text.
fn random() -> Result<String> {
    let mut bytes = [0; 32];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| anyhow!("get random bytes from the system"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
