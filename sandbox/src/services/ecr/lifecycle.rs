//! Lifecycle policies: checked and kept. The sandbox lives too short for images to expire.

use super::{Name, invalid, named};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn put(call: &mut Call) -> Answer {
    let name = named(call)?;
    let text = call.text("lifecyclePolicyText").to_owned();
    let repository = name.repository(call.world)?;
    check(&text).map_err(|why| {
        invalid("LifecyclePolicyText", &format!("Lifecycle policy validation failure: {why}"))
    })?;
    repository.lifecycle = Some(text.clone());
    Ok(json!({"registryId": name.account, "repositoryName": name.name, "lifecyclePolicyText": text}))
}

pub(super) fn get(call: &mut Call) -> Answer {
    let name = named(call)?;
    let policy = name.repository(call.world)?.lifecycle.clone();
    output(&name, policy)
}

pub(super) fn delete(call: &mut Call) -> Answer {
    let name = named(call)?;
    let policy = name.repository(call.world)?.lifecycle.take();
    output(&name, policy)
}

fn output(name: &Name, policy: Option<String>) -> Answer {
    let text = policy.ok_or_else(|| {
        let why = format!(
            "Lifecycle policy does not exist for the repository with name '{}' in the registry with id '{}'",
            name.name, name.account
        );
        Fault::new("LifecyclePolicyNotFoundException", why)
    })?;
    Ok(json!({
        "registryId": name.account,
        "repositoryName": name.name,
        "lifecyclePolicyText": text,
        "lastEvaluatedAt": 0.0,
    }))
}

fn check(text: &str) -> Result<(), String> {
    let policy: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let rules = policy["rules"].as_array().ok_or("rules is required")?;
    if rules.is_empty() || rules.len() > 50 {
        return Err("there must be 1 to 50 rules".to_owned());
    }
    let mut priorities = BTreeSet::new();
    for rule in rules {
        let priority = rule["rulePriority"].as_i64().filter(|it| *it > 0);
        let priority = priority.ok_or("rulePriority must be a positive integer")?;
        if !priorities.insert(priority) {
            return Err(format!("rulePriority {priority} is not unique"));
        }
        selection(&rule["selection"])?;
        if !matches!(rule["action"]["type"].as_str(), Some("expire" | "transition")) {
            return Err("action.type must be expire or transition".to_owned());
        }
    }
    any_is_last(rules)
}

fn selection(selection: &Value) -> Result<(), String> {
    let since = match selection["countType"].as_str() {
        Some("imageCountMoreThan") => false,
        Some("sinceImagePushed" | "sinceImagePulled" | "sinceImageTransitioned") => true,
        _ => return Err("countType is not known".to_owned()),
    };
    if since != (selection["countUnit"] == "days") {
        return Err("countUnit must be days with a time, and absent with a count".to_owned());
    }
    if selection["countNumber"].as_i64().is_none_or(|number| number < 1) {
        return Err("countNumber must be a positive integer".to_owned());
    }
    let filters = ["tagPrefixList", "tagPatternList"].map(|list| selection.get(list).is_some());
    match (selection["tagStatus"].as_str(), filters) {
        (Some("tagged"), [true, false] | [false, true]) => Ok(()),
        (Some("untagged" | "any"), [false, false]) => Ok(()),
        (Some("tagged"), _) => Err("tagged needs either tagPrefixList or tagPatternList".to_owned()),
        _ => Err("tagStatus must be tagged, untagged or any, the last two without filters".to_owned()),
    }
}

fn any_is_last(rules: &[Value]) -> Result<(), String> {
    let priority = |rule: &Value| rule["rulePriority"].as_i64().unwrap_or_default();
    let last = rules.iter().map(priority).max().unwrap_or_default();
    let early = |rule: &&Value| rule["selection"]["tagStatus"] == "any" && priority(rule) < last;
    match rules.iter().find(early) {
        Some(_) => Err("a rule with tagStatus any must have the highest rulePriority".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn rule(priority: i64, selection: Value) -> Value {
        json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
    }

    fn policy(rules: &[Value]) -> Result<(), String> {
        check(&json!({"rules": rules}).to_string())
    }

    #[test]
    fn untagged_images_may_expire_after_days() {
        let after = json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30});
        let count = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100});
        policy(&[rule(1, after.clone()), rule(2, count.clone())]).unwrap();
        assert!(policy(&[rule(1, after.clone()), rule(1, after.clone())]).unwrap_err().contains("unique"));
        assert!(policy(&[rule(1, count), rule(2, after)]).unwrap_err().contains("highest"));
    }

    #[test]
    fn half_a_rule_is_refused() {
        assert!(policy(&[]).is_err());
        assert!(check("not JSON").is_err());
        for selection in [
            json!({"tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 1}),
            json!({"tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 1}),
            json!({"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 0}),
            json!({"tagStatus": "all", "countType": "imageCountMoreThan", "countNumber": 1}),
        ] {
            assert!(policy(&[rule(1, selection.clone())]).is_err(), "{selection}");
        }
    }
}
