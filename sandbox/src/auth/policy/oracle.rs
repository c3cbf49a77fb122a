//! Our reading of policies against that of iam-rs: thousands of made-up documents and requests, one answer each.

use super::*;
use crate::auth::document::{Kind, read};
use iam_rs::{Arn, ContextValue, Decision, IAMPolicy, IAMRequest, Principal, PrincipalId, evaluate_policy};
use serde_json::{Value, json};

const ACTIONS: &[&str] =
    &["ecr:GetImage", "ecr:PutImage", "iam:GetRole", "*", "ecr:*", "ECR:get*", "iam:?etRole"];
const ARNS: &[&str] = &[
    "arn:aws:ecr:eu-west-1:111111111111:repository/images",
    "arn:aws:ecr:us-east-1:222222222222:repository/other",
    "arn:aws:iam::111111111111:role/foothold/app",
];
const PATTERNS: &[&str] = &[
    "*",
    "arn:aws:ecr:*:111111111111:repository/*",
    "arn:aws:ecr:eu-west-1:*:repository/im?ges",
    "arn:aws:iam::111111111111:role/foothold/*",
    "arn:aws:iam::222222222222:role/*",
    "arn:aws:iam::111111111111:role/foothold/${aws:username}",
];
const KEYS: &[&str] = &["aws:PrincipalOrgID", "aws:username", "aws:PrincipalArn"];
const VALUES: &[&str] = &["o-1", "app", "arn:aws:iam::111111111111:role/foothold/app", "true", "12"];
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "StringEqualsIfExists",
    "StringNotEqualsIfExists",
    "StringLikeIfExists",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn some(&mut self, of: &[&str]) -> Value {
        (0..=self.roll(2)).map(|_| Value::from(self.pick(of))).collect()
    }
}

fn statement(dice: &mut Dice) -> Value {
    let mut statement = json!({"Effect": dice.pick(&["Allow", "Allow", "Deny"])});
    statement[dice.pick(&["Action", "Action", "Action", "NotAction"])] = dice.some(ACTIONS);
    statement[dice.pick(&["Resource", "Resource", "Resource", "NotResource"])] = dice.some(PATTERNS);
    if dice.roll(2) == 0 {
        let condition = json!({dice.pick(OPERATORS): {dice.pick(KEYS): dice.some(VALUES)}});
        statement["Condition"] = condition;
    }
    statement
}

#[test]
fn two_readings_of_the_same_policy_agree() {
    let mut dice = Dice(7);
    let mut seen = [0; 3];
    for _ in 0..5000 {
        let statements: Vec<Value> = (0..=dice.roll(2)).map(|_| statement(&mut dice)).collect();
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let pairs: Vec<(&str, &str)> = KEYS.iter().map(|key| (*key, dice.pick(VALUES))).collect();
        let pairs: Vec<(&str, &str)> = pairs.into_iter().filter(|_| dice.roll(3) > 0).collect();
        let (action, resource) = (dice.pick(&ACTIONS[..3]), dice.pick(ARNS));
        let (ours, theirs) =
            (ours(&policy, action, resource, &pairs), theirs(&policy, action, resource, &pairs));
        assert_eq!(ours, theirs, "{policy:#} {action} {resource} {pairs:?}");
        seen[ours as usize] += 1;
    }
    assert!(seen.iter().all(|n| *n > 300), "every answer is tried: {seen:?}");
}

fn ours(policy: &Value, action: &str, resource: &str, pairs: &[(&str, &str)]) -> Decision {
    let mut context = Context::default();
    for (key, value) in pairs {
        context.set(key, *value);
    }
    let request = Request { action, resource, context: &context, who: None };
    match read(policy, Kind::Identity).unwrap().says(&request) {
        Says::Nothing => Decision::NotApplicable,
        Says::Deny => Decision::Deny,
        _ => Decision::Allow,
    }
}

fn theirs(policy: &Value, action: &str, resource: &str, pairs: &[(&str, &str)]) -> Decision {
    let policy: IAMPolicy = serde_json::from_value(policy.clone()).unwrap();
    let mut context = iam_rs::Context::new();
    for (key, value) in pairs {
        context.insert((*key).to_owned(), ContextValue::String((*value).to_owned()));
    }
    let user = PrincipalId::String("arn:aws:iam::111111111111:user/app".to_owned());
    let arn = Arn::parse(resource).unwrap();
    let request = IAMRequest::new_with_context(Principal::Aws(user), action, arn, context);
    evaluate_policy(&policy, &request).unwrap()
}
