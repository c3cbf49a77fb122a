//! What one statement means, in AWS's reading of it.

use super::*;
use crate::auth::document::{Kind, parse, read};
use serde_json::{Value, json};

fn context(pairs: &[(&str, &str)]) -> Context {
    let mut context = Context::default();
    for (key, value) in pairs {
        context.add(key, *value);
    }
    context
}

fn document(statement: Value) -> Document {
    read(&json!({"Version": "2012-10-17", "Statement": statement}), Kind::Identity).unwrap()
}

fn says(statement: Value, action: &str, resource: &str, pairs: &[(&str, &str)]) -> Says {
    let context = context(pairs);
    document(statement).says(&Request { action, resource, context: &context, who: None })
}

fn allows_if(condition: Value, pairs: &[(&str, &str)]) -> bool {
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
    says(statement, "s:A", "*", pairs) == Says::Allow
}

#[test]
fn actions_are_matched_whatever_their_case() {
    let statement = json!({"Effect": "Allow", "Action": "ecr:Get*", "Resource": "*"});
    assert_eq!(says(statement.clone(), "ECR:getauthorizationtoken", "*", &[]), Says::Allow);
    assert_eq!(says(statement, "ecr:PutImage", "*", &[]), Says::Nothing);
}

#[test]
fn a_resource_wildcard_stays_within_its_part() {
    let arn = "arn:aws:appconfig:eu-west-1:111111111111:application/abc/environment/def";
    let allow = |resource: &str| json!({"Effect": "Allow", "Action": "*", "Resource": resource});
    assert_eq!(
        says(allow("arn:aws:appconfig:*:111111111111:application/abc/*"), "a:B", arn, &[]),
        Says::Allow
    );
    assert_eq!(says(allow("arn:aws:appconfig:*:222222222222:*"), "a:B", arn, &[]), Says::Nothing);
    assert_eq!(says(allow("arn:aws:appconfig:*:*:application/xyz/*"), "a:B", arn, &[]), Says::Nothing);
}

#[test]
fn what_has_no_resource_needs_a_star() {
    let allow = |resource: &str| json!({"Effect": "Allow", "Action": "*", "Resource": resource});
    assert_eq!(says(allow("arn:aws:ecr:*:*:*"), "ecr:GetAuthorizationToken", "*", &[]), Says::Nothing);
    assert_eq!(says(allow("*"), "ecr:GetAuthorizationToken", "*", &[]), Says::Allow);
}

#[test]
fn the_explicit_deny_wins() {
    let statements = json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ecr:PutImage", "Resource": "*"},
    ]);
    assert_eq!(says(statements.clone(), "ecr:PutImage", "*", &[]), Says::Deny);
    assert_eq!(says(statements, "ecr:GetImage", "*", &[]), Says::Allow);
}

#[test]
fn not_action_and_not_resource_mean_all_others() {
    let statement = json!({"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret"});
    assert_eq!(says(statement.clone(), "s3:Get", "arn:aws:s3:::open", &[]), Says::Allow);
    assert_eq!(says(statement.clone(), "iam:Get", "arn:aws:s3:::open", &[]), Says::Nothing);
    assert_eq!(says(statement, "s3:Get", "arn:aws:s3:::secret", &[]), Says::Nothing);
}

#[test]
fn conditions_mean_what_aws_says() {
    let cases = [
        (json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), vec![("aws:principalorgid", "o-1")], true),
        (json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), vec![], false),
        (json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), vec![], true),
        (json!({"StringNotEquals": {"a:b": "x"}}), vec![], true),
        (json!({"StringNotEquals": {"a:b": ["x", "y"]}}), vec![("a:b", "y")], false),
        (json!({"StringLike": {"a:b": "x*z"}}), vec![("a:b", "xyyz")], true),
        (
            json!({"ArnEquals": {"a:b": "arn:aws:iam::1:role/*"}}),
            vec![("a:b", "arn:aws:iam::1:role/p/n")],
            true,
        ),
        (json!({"ArnLike": {"a:b": "arn:aws:iam::*"}}), vec![("a:b", "arn:aws:iam::1:role/p/n")], false),
        (json!({"Bool": {"a:b": "true"}}), vec![("a:b", "True")], true),
        (json!({"Null": {"a:b": "true"}}), vec![], true),
        (json!({"Null": {"a:b": "false"}}), vec![], false),
        (json!({"NumericLessThanEquals": {"a:b": "10"}}), vec![("a:b", "10")], true),
        (json!({"NumericGreaterThan": {"a:b": 10}}), vec![("a:b", "9")], false),
        (
            json!({"DateLessThan": {"a:b": "2026-01-01T00:00:00Z"}}),
            vec![("a:b", "2025-12-31T23:59:59Z")],
            true,
        ),
        (json!({"IpAddress": {"a:b": "10.0.0.0/8"}}), vec![("a:b", "10.9.8.7")], true),
        (json!({"NotIpAddress": {"a:b": "10.0.0.0/8"}}), vec![("a:b", "10.9.8.7")], false),
        (json!({"ForAllValues:StringEquals": {"a:b": ["x", "y"]}}), vec![("a:b", "x"), ("a:b", "z")], false),
        (json!({"ForAllValues:StringEquals": {"a:b": ["x", "y"]}}), vec![], true),
        (json!({"ForAnyValue:StringEquals": {"a:b": ["x", "y"]}}), vec![("a:b", "x"), ("a:b", "z")], true),
        (json!({"ForAnyValue:StringEquals": {"a:b": ["x", "y"]}}), vec![], false),
        (json!({"StringEquals": {"a:b": "1", "c:d": "2"}}), vec![("a:b", "1")], false),
    ];
    for (condition, pairs, expected) in cases {
        assert_eq!(allows_if(condition.clone(), &pairs), expected, "{condition} {pairs:?}");
    }
}

#[test]
fn variables_stand_for_the_requests_values_and_not_for_patterns() {
    let statement =
        json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::home/${aws:username}/*"});
    let as_user =
        |name: &'static str, key: &str| says(statement.clone(), "s3:Get", key, &[("aws:username", name)]);
    assert_eq!(as_user("ann", "arn:aws:s3:::home/ann/x"), Says::Allow);
    assert_eq!(as_user("ann", "arn:aws:s3:::home/bob/x"), Says::Nothing);
    assert_eq!(as_user("*", "arn:aws:s3:::home/bob/x"), Says::Nothing);
    assert_eq!(says(statement.clone(), "s3:Get", "arn:aws:s3:::home//x", &[]), Says::Nothing);
}

fn said_to(principal: Value, who: &Who) -> Says {
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
    let document = read(&json!({"Version": "2012-10-17", "Statement": statement}), Kind::Trust).unwrap();
    let context = Context::default();
    document.says_to(&Request { action: "sts:AssumeRole", resource: "*", context: &context, who: Some(who) })
}

#[test]
fn principals_are_named_by_arn_id_account_or_service() {
    let session = Who {
        account: "111111111111".to_owned(),
        arn: "arn:aws:sts::111111111111:assumed-role/app/s".to_owned(),
        role: Some("arn:aws:iam::111111111111:role/foothold/app".to_owned()),
        id: "AROAX".to_owned(),
        service: None,
    };
    let service = Who { service: Some("ecs-tasks.amazonaws.com".to_owned()), ..Who::default() };
    let cases = [
        (json!({"AWS": "arn:aws:iam::111111111111:root"}), &session, Says::Account),
        (json!({"AWS": "111111111111"}), &session, Says::Account),
        (json!({"AWS": "arn:aws:iam::222222222222:root"}), &session, Says::Nothing),
        (json!({"AWS": "arn:aws:iam::111111111111:role/foothold/app"}), &session, Says::Role),
        (json!({"AWS": "arn:aws:iam::111111111111:role/app"}), &session, Says::Nothing),
        (json!({"AWS": "AROAX"}), &session, Says::Role),
        (json!({"AWS": "arn:aws:sts::111111111111:assumed-role/app/s"}), &session, Says::Allow),
        (json!("*"), &session, Says::Role),
        (json!({"Service": "ecs-tasks.amazonaws.com"}), &session, Says::Nothing),
        (json!({"Service": "ecs-tasks.amazonaws.com"}), &service, Says::Allow),
        (json!({"Service": "ecs.amazonaws.com"}), &service, Says::Nothing),
    ];
    for (principal, who, expected) in cases {
        assert_eq!(said_to(principal.clone(), who), expected, "{principal}");
    }
}

#[expect(clippy::too_many_lines, reason = "a table of documents")]
#[test]
fn documents_that_iam_refuses_are_refused() {
    let identity = |statement: Value| json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let cases = [
        ("{".to_owned(), Kind::Identity, "invalid Json"),
        ("[]".to_owned(), Kind::Identity, "Syntax errors"),
        (json!({"Version": "2020-01-01", "Statement": []}).to_string(), Kind::Identity, "Syntax errors"),
        (
            identity(json!({"Effect": "allow", "Action": "*", "Resource": "*"})),
            Kind::Identity,
            "Syntax errors",
        ),
        (identity(json!({"Effect": "Allow", "Action": "*"})), Kind::Identity, "must contain resources"),
        (identity(json!({"Effect": "Allow", "Resource": "*"})), Kind::Identity, "must contain actions"),
        (
            identity(json!({"Effect": "Allow", "Action": "Get", "Resource": "*"})),
            Kind::Identity,
            "prefaced by a vendor",
        ),
        (
            identity(json!({"Effect": "Allow", "Action": "*", "Resource": "bucket"})),
            Kind::Identity,
            "ARN format",
        ),
        (
            identity(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"})),
            Kind::Identity,
            "should not specify a principal",
        ),
        (
            identity(
                json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Equals": {"a": "b"}}}),
            ),
            Kind::Identity,
            "Invalid Condition type",
        ),
        (identity(json!({"Effect": "Allow", "Action": "sts:AssumeRole"})), Kind::Trust, "Principal"),
        (
            identity(
                json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "Resource": "*"}),
            ),
            Kind::Trust,
            "prohibited field Resource",
        ),
        (
            identity(json!({"Effect": "Allow", "Action": "s3:Get", "Principal": "*"})),
            Kind::Trust,
            "may only specify STS",
        ),
    ];
    for (text, kind, words) in cases {
        let refused = parse(&text, kind).expect_err(&text);
        assert!(refused.contains(words), "{text}: {refused}");
    }
}
