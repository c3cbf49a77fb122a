//! Security Token Service.

use crate::auth::{self, Caller, Principal, document};
use crate::call::{Answer, Call, UPPER};
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::{iam, organizations};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What this service keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Temporary credentials by access key id.
    pub sessions: BTreeMap<String, Session>,
}

/// Temporary credentials that were handed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    pub secret: String,
    pub token: String,
    /// In the sandbox's time.
    pub expires: Time,
    pub caller: Caller,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the session tags that stay along a chain of roles.
    pub transitive: Vec<String>,
    pub source_identity: Option<String>,
    /// Whether it was made by GetSessionToken without MFA, which gives no access to IAM.
    pub token_only: bool,
}

/// Letters of session tokens.
const TOKEN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DAY: f64 = 86_400.0;
/// The longest session, in seconds, of a role that was assumed with a role's session.
const CHAINED: f64 = 3600.0;
/// How many characters all session policies together may have.
const PLAINTEXT: usize = 2048;

pub fn handle(call: &mut Call) -> Answer {
    match call.operation {
        "GetCallerIdentity" => get_caller_identity(call),
        "AssumeRole" => assume_role(call),
        "GetSessionToken" => get_session_token(call),
        "GetAccessKeyInfo" => get_access_key_info(call),
        _ => Err(Fault::not_implemented(call.service, call.operation)),
    }
}

/// What a session is to be made of.
pub struct Grant {
    pub caller: Caller,
    /// Unscaled.
    pub seconds: f64,
    pub tags: BTreeMap<String, String>,
    pub transitive: Vec<String>,
    pub source_identity: Option<String>,
    pub token_only: bool,
}

impl Grant {
    /// A plain one, without tags.
    pub fn new(caller: Caller, seconds: f64) -> Self {
        let (tags, transitive) = (BTreeMap::new(), Vec::new());
        Self { caller, seconds, tags, transitive, source_identity: None, token_only: false }
    }
}

/// Hands out temporary credentials, with no question asked.
pub fn issue(world: &mut World, grant: Grant) -> auth::Session {
    let id = format!("ASIA{}", world.id(UPPER, 16));
    let secret = world.id(iam::SECRET, 40);
    let token = format!("IQoJb3JpZ2luX2Vj{}", world.id(TOKEN, 180));
    let now = world.clock.now();
    let expires = now + grant.seconds.min(world.settings.longest_session);
    let session = Session {
        secret: secret.clone(),
        token: token.clone(),
        expires,
        caller: Caller { access_key: id.clone(), ..grant.caller },
        tags: grant.tags,
        transitive: grant.transitive,
        source_identity: grant.source_identity,
        token_only: grant.token_only,
    };
    // Expired ones stay for a while, to be told from ones that never were.
    world.sts.sessions.retain(|_, s| s.expires + DAY > now);
    world.sts.sessions.insert(id.clone(), session);
    auth::Session {
        access_key_id: id,
        secret_access_key: secret,
        session_token: token,
        expiration: expires - world.clock.advanced,
    }
}

fn get_caller_identity(call: &mut Call) -> Answer {
    call.anyone();
    let caller = caller(call)?;
    Ok(json!({"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}))
}

fn caller(call: &Call) -> Result<Caller, Fault> {
    let missing = || Fault::new("MissingAuthenticationToken", "Request is missing Authentication Token");
    call.caller.clone().ok_or_else(missing)
}

fn assume_role(call: &mut Call) -> Answer {
    let caller = caller(call)?;
    check_region(call, &caller)?;
    if caller.principal == Principal::Root {
        return Err(Fault::new("AccessDenied", "Roles may not be assumed by root accounts."));
    }
    let (arn, name) = (call.text("RoleArn").to_owned(), call.text("RoleSessionName").to_owned());
    check_trust(call, &caller, &arn)?;
    let mut assumed = auth::role_caller(call.world, &arn, &name).ok_or_else(|| denied(&caller, &arn))?;
    let seconds = duration(call, &caller, &arn)?;
    let packed = session_policy(call, &mut assumed)?;
    let grant = tagged(call, &caller, Grant::new(assumed.clone(), seconds))?;
    let source_identity = grant.source_identity.clone();
    let session = issue(call.world, grant);
    iam::used(call.world, &arn, call.region);
    Ok(json!({
        "Credentials": credentials(&session),
        "AssumedRoleUser": {"AssumedRoleId": assumed.user_id, "Arn": assumed.arn},
        "PackedPolicySize": packed,
        "SourceIdentity": source_identity,
    }))
}

/// Neither the caller's account nor the role's gets credentials in a Region that it has not enabled.
fn check_region(call: &Call, caller: &Caller) -> Result<(), Fault> {
    let asked = call.text("RoleArn").split(':').nth(4).unwrap_or_default();
    let there = |account: &&str| call.world.organizations.accounts.contains_key(*account);
    let disabled = |account: &&str| !organizations::region_enabled(call.world, account, call.region);
    let accounts = [caller.account.as_str(), asked];
    let Some(account) = accounts.into_iter().filter(there).find(disabled) else {
        return Ok(());
    };
    let words = format!(
        "STS is not activated in this region for account:{account}. Your account administrator can activate STS in \
         this region using the IAM Console."
    );
    Err(Fault::new("RegionDisabledException", words))
}

/// Both sides must agree: the role's trust policy as it has propagated, and the caller's own policies.
fn check_trust(call: &mut Call, caller: &Caller, arn: &str) -> Result<(), Fault> {
    call.anyone();
    let now = call.now();
    let role = iam::role_by_arn(call.world, arn).and_then(|(_, role)| role.entity.access.seen(now));
    let trust = role.map(|access| access.trust.clone()).ok_or_else(|| denied(caller, arn))?;
    let context = trust_context(call);
    let context: Vec<(&str, &str)> = context.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let mut actions = vec!["sts:AssumeRole"];
    if !call.list("Tags").is_empty() {
        actions.push("sts:TagSession");
    }
    if call.opt_text("SourceIdentity").is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    for action in actions {
        if !auth::may_assume(call.world, caller, call.region, (action, arn, &trust), &context) {
            return Err(Fault::new("AccessDenied", auth::refusal(Some(caller), action, arn)));
        }
    }
    Ok(())
}

fn denied(caller: &Caller, arn: &str) -> Fault {
    Fault::new("AccessDenied", auth::refusal(Some(caller), "sts:AssumeRole", arn))
}

fn trust_context(call: &Call) -> Vec<(String, String)> {
    let mut context = vec![("sts:RoleSessionName".to_owned(), call.text("RoleSessionName").to_owned())];
    for (member, key) in [("ExternalId", "sts:ExternalId"), ("SourceIdentity", "sts:SourceIdentity")] {
        if let Some(value) = call.opt_text(member) {
            context.push((key.to_owned(), value.to_owned()));
        }
    }
    for tag in call.list("Tags") {
        let (key, value) = (tag["Key"].as_str(), tag["Value"].as_str());
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        context.push((format!("aws:RequestTag/{key}"), value.to_owned()));
        context.push(("aws:TagKeys".to_owned(), key.to_owned()));
    }
    context
        .extend(call.texts("TransitiveTagKeys").into_iter().map(|k| ("sts:TransitiveTagKeys".to_owned(), k)));
    context
}

fn duration(call: &Call, caller: &Caller, arn: &str) -> Result<f64, Fault> {
    let chained = matches!(caller.principal, Principal::Session { .. });
    let seconds = call.int("DurationSeconds").map_or(CHAINED, |s| s as f64);
    if chained && seconds > CHAINED {
        let words = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(Fault::new("ValidationError", words));
    }
    let longest = iam::role_by_arn(call.world, arn).map_or(0, |(_, role)| role.max_session);
    if seconds > longest as f64 {
        let words = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Fault::new("ValidationError", words));
    }
    Ok(seconds)
}

/// Puts the session policies into the caller as one document. Returns how full they are, in percent.
fn session_policy(call: &Call, assumed: &mut Caller) -> Result<Option<i64>, Fault> {
    let given = call.opt_text("Policy").map(str::to_owned);
    let mut documents: Vec<String> = given.into_iter().collect();
    for descriptor in call.list("PolicyArns") {
        let arn = descriptor["arn"].as_str().unwrap_or_default();
        let managed = iam::managed_document(call.world, arn);
        documents.push(
            managed.ok_or_else(|| Fault::new("ValidationError", format!("Policy {arn} does not exist")))?,
        );
    }
    if documents.is_empty() {
        return Ok(None);
    }
    let size: usize = documents.iter().map(|text| text.chars().count()).sum();
    if size > PLAINTEXT {
        let words = format!(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less \
             than or equal to {PLAINTEXT}"
        );
        return Err(Fault::new("ValidationError", words));
    }
    let mut statements = Vec::new();
    for text in documents {
        document::parse(&text, document::Kind::Identity)
            .map_err(|words| Fault::new("MalformedPolicyDocument", words))?;
        match serde_json::from_str::<Value>(&text).map(|mut d| d["Statement"].take()) {
            Ok(Value::Array(list)) => statements.extend(list),
            Ok(one) => statements.push(one),
            Err(_) => {}
        }
    }
    if let Principal::Session { policy, .. } = &mut assumed.principal {
        *policy = Some(json!({"Version": "2012-10-17", "Statement": statements}));
    }
    Ok(Some((size * 100 / 4096).clamp(1, 100) as i64))
}

/// Session tags: those of the request, and the transitive ones of the session that it is made with.
fn tagged(call: &Call, caller: &Caller, mut grant: Grant) -> Result<Grant, Fault> {
    let before = call.world.sts.sessions.get(&caller.access_key);
    let inherited = before.into_iter().flat_map(|s| s.tags.iter().filter(|(k, _)| s.transitive.contains(k)));
    grant.tags = inherited.map(|(k, v)| (k.clone(), v.clone())).collect();
    for tag in call.list("Tags") {
        let (key, value) =
            (tag["Key"].as_str().unwrap_or_default(), tag["Value"].as_str().unwrap_or_default());
        if grant.tags.insert(key.to_owned(), value.to_owned()).is_some() {
            let words = format!(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: {key}"
            );
            return Err(Fault::new("InvalidParameterValue", words).status(400));
        }
    }
    grant.transitive = call.texts("TransitiveTagKeys");
    grant.transitive.extend(before.into_iter().flat_map(|s| s.transitive.clone()));
    let kept = before.and_then(|s| s.source_identity.clone());
    grant.source_identity = kept.or_else(|| call.opt_text("SourceIdentity").map(str::to_owned));
    Ok(grant)
}

fn credentials(session: &auth::Session) -> Value {
    json!({
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": session.expiration.floor(),
    })
}

fn get_session_token(call: &mut Call) -> Answer {
    call.anyone();
    let caller = caller(call)?;
    if call.world.sts.sessions.contains_key(&caller.access_key) {
        let words = "Cannot call GetSessionToken with session credentials";
        return Err(Fault::new("AccessDenied", words));
    }
    let asked = call.int("DurationSeconds").map_or(43_200.0, |s| s as f64);
    let seconds = if caller.principal == Principal::Root { asked.min(3600.0) } else { asked };
    let session = issue(call.world, Grant { token_only: true, ..Grant::new(caller, seconds) });
    Ok(json!({"Credentials": credentials(&session)}))
}

fn get_access_key_info(call: &mut Call) -> Answer {
    call.allow("sts:GetAccessKeyInfo", "*")?;
    let key = call.text("AccessKeyId");
    let session = call.world.sts.sessions.get(key).map(|s| s.caller.account.clone());
    let long_term =
        || call.world.iam.iter().find(|(_, iam)| iam.keys.contains_key(key)).map(|(a, _)| a.clone());
    let invalid =
        || Fault::new("ValidationError", "The specified value for parameter AccessKeyId is not valid");
    let account = session.or_else(long_term).ok_or_else(invalid)?;
    Ok(json!({"Account": account}))
}
