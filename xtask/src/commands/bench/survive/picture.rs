//! What two worlds are compared by: everything but ids, times, and what differs from one machine to the next.

use serde_json::{Value, json};

/// Of tasks, which have no names, what runs: ECS, its addresses and its logs remember the others for a while, and
/// services that are gone.
pub(super) fn settle(world: &mut Value) {
    let runs = |task: &Value| task["status"] == "RUNNING" && task["unwanted"].is_null();
    let tasks = world["runtime"]["tasks"].as_object().into_iter().flat_map(|tasks| tasks.values());
    let running: Vec<Value> = tasks.filter(|task| runs(task)).cloned().collect();
    world["runtime"]["tasks"] = Value::Array(running);
    for address in members(&mut world["runtime"]["ingress"]) {
        for route in address["routes"].as_array_mut().into_iter().flatten() {
            route["tasks"] = Value::Null;
        }
    }
    for place in members(&mut world["ecs"]) {
        place["tasks"] = Value::Null;
        members(&mut place["deployments"]).for_each(settle_deployment);
        if let Some(services) = place["services"].as_object_mut() {
            services.retain(|_, service| service["status"] != "INACTIVE");
        }
    }
    for place in members(&mut world["logs"]) {
        members(&mut place["groups"]).for_each(|group| group["streams"] = Value::Null);
    }
    settle_identity(&mut world["identity"]["instance"]);
}

/// How often a thing was changed, and what was asked for on the way, is of the past. Whether a role is made from its
/// permission set as that is now, is not.
fn settle_identity(instance: &mut Value) {
    if instance.is_null() {
        return;
    }
    let sets = instance["sets"].clone();
    let mut provisioned: Vec<(String, Value)> = Vec::new();
    for (place, mut made) in instance["provisioned"].as_object().cloned().unwrap_or_default() {
        let set = place.split_once('/').map_or(&Value::Null, |(_, set)| &sets[set]);
        made["version"] = json!(if made["version"] == set["version"] { "the set's" } else { "an older one" });
        provisioned.push((place, made));
    }
    instance["provisioned"] = provisioned.into_iter().collect();
    instance["requests"] = Value::Null;
    members(&mut instance["sets"]).for_each(|set| set["version"] = Value::Null);
    for kind in ["users", "groups"] {
        members(&mut instance[kind]).for_each(|entry| entry["revision"] = Value::Null);
    }
}

/// The app starts in real time: how often it was not up before the health checks gave up on it, is a
/// figure of this machine.
fn settle_deployment(deployment: &mut Value) {
    if deployment["status"] == "SUCCESSFUL" {
        deployment["failures"] = Value::Null;
        deployment["reason"] = Value::Null;
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flatten().map(|(_, member)| member)
}

/// A file's sections in any order, without account ids, which are the only long numbers in our files, and without what
/// the portal is called. Where the first one was taken away, the line that parted it from the next is still there.
pub(super) fn without_ids(text: &str) -> Value {
    let text = without_portal(text);
    let sections = text.split("\n[").filter(|section| !section.is_empty());
    let mut sections: Vec<String> =
        sections.map(|section| without_numbers(section.trim_matches('['))).collect();
    sections.sort();
    json!(sections)
}

/// `https://d-0123456789.awsapps.com/start`, with any id.
fn without_portal(text: &str) -> String {
    let mut parts = text.split("https://d-");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        short.push_str("https://d-#");
        short.push_str(part.find(".awsapps.com").map_or(part, |end| &part[end..]));
    }
    short
}

fn without_numbers(text: &str) -> String {
    let mut short = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        short.push_str(if digits.len() >= 12 { "#" } else { digits });
        short.push_str(&part[digits.len()..]);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(status: &str, failures: u64) -> Value {
        let deployment =
            json!({"status": status, "failures": failures, "reason": "failed ELB health checks"});
        let mut world = json!({"ecs": {"111111111111/eu-west-1": {"deployments": {"arn": deployment}}}});
        settle(&mut world);
        world
    }

    #[test]
    fn tasks_that_were_late_are_no_difference_once_one_runs() {
        assert_eq!(world("SUCCESSFUL", 1), world("SUCCESSFUL", 2));
        assert_ne!(world("SUCCESSFUL", 1), world("ROLLBACK_SUCCESSFUL", 1));
        assert_ne!(world("IN_PROGRESS", 0), world("IN_PROGRESS", 1));
    }

    #[test]
    fn how_often_a_permission_set_was_changed_is_no_difference_and_an_outdated_role_is_one() {
        let world = |version: u64, made: u64| {
            let (set, role) = (json!({"version": version}), json!({"version": made}));
            let instance =
                json!({"sets": {"<one>": set}, "provisioned": {"#/<one>": role}, "requests": [made]});
            let mut world = json!({"identity": {"instance": instance}});
            settle(&mut world);
            world
        };
        assert_eq!(world(1, 1), world(3, 3));
        assert_ne!(world(3, 3), world(3, 2));
        let nobody = &mut json!({"identity": {"instance": null}});
        settle(nobody);
        assert_eq!(nobody["identity"]["instance"], Value::Null);
    }

    #[test]
    fn the_portal_of_one_world_is_as_good_as_that_of_another() {
        let file = |id: &str| without_ids(&format!("[a]\nurl = \"https://d-{id}.awsapps.com/start\"\n"));
        assert_eq!(file("0123456789"), file("abcdef0123"));
        assert_ne!(file("0123456789"), without_ids("[a]\nurl = \"https://d-0.example.com/start\"\n"));
    }
}
