//! Deployment strategies: AWS's own, and ours.

use super::{allow, kept, missing, new_id, over_quota, page, refused, requested, state};
use crate::call::{Answer, Call};
use crate::fault::Fault;
use crate::services::tags::Tags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const QUOTA: usize = 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Strategy {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// Minutes from 0 to 100 %.
    pub duration: i64,
    /// Minutes of watching afterwards, during which nothing else can be deployed.
    pub bake: i64,
    /// Percent.
    pub growth: f64,
    pub exponential: bool,
    pub replicate_to: String,
    pub tags: Tags,
}

impl Strategy {
    /// AWS's own: even the one that is "all at once" bakes for ten minutes.
    fn predefined() -> [Self; 4] {
        [
            Self::aws("AppConfig.AllAtOnce", "Quick", 0, 10, 100.0, false),
            Self::aws("AppConfig.Linear50PercentEvery30Seconds", "Test/Demo", 1, 1, 50.0, false),
            Self::aws("AppConfig.Canary10Percent20Minutes", "AWS Recommended", 20, 10, 10.0, true),
            Self::aws("AppConfig.Linear20PercentEvery6Minutes", "AWS Recommended", 30, 30, 20.0, false),
        ]
    }

    fn aws(id: &str, description: &str, duration: i64, bake: i64, growth: f64, exponential: bool) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            description: Some(description.to_owned()),
            duration,
            bake,
            growth,
            exponential,
            replicate_to: "NONE".to_owned(),
            tags: Tags::new(),
        }
    }

    /// `LINEAR` or `EXPONENTIAL`.
    pub(super) fn growth_type(&self) -> &'static str {
        if self.exponential { "EXPONENTIAL" } else { "LINEAR" }
    }

    /// The percentages that a deployment goes through, evenly spaced over its duration.
    pub(super) fn percentages(&self) -> Vec<f64> {
        let nth = |n: i32| match self.exponential {
            true => self.growth * 2_f64.powi(n),
            false => self.growth * f64::from(n + 1),
        };
        let mut percentages: Vec<f64> = (0..).map(nth).take_while(|percent| *percent < 100.0).collect();
        percentages.push(100.0);
        percentages
    }

    fn output(&self) -> Value {
        json!({
            "Id": self.id,
            "Name": self.name,
            "Description": self.description,
            "DeploymentDurationInMinutes": self.duration,
            "GrowthType": self.growth_type(),
            "GrowthFactor": self.growth,
            "FinalBakeTimeInMinutes": self.bake,
            "ReplicateTo": self.replicate_to,
        })
    }
}

/// The strategy with this id, AWS's own or ours.
pub(super) fn find(call: &mut Call, id: &str) -> Result<Strategy, Fault> {
    let predefined = Strategy::predefined().into_iter().find(|strategy| strategy.id == id);
    let found = predefined.or_else(|| state(call).strategies.get(id).cloned());
    found.ok_or_else(|| missing("deployment strategy", id))
}

fn path(call: &Call) -> String {
    format!("deploymentstrategy/{}", call.text("DeploymentStrategyId"))
}

pub(super) fn create(call: &mut Call) -> Answer {
    allow(call, &[])?;
    if state(call).strategies.len() >= QUOTA {
        return Err(over_quota("deployment strategies", QUOTA));
    }
    let strategy = Strategy {
        id: new_id(call),
        name: call.text("Name").to_owned(),
        description: kept(call, "Description"),
        duration: call.int("DeploymentDurationInMinutes").unwrap_or_default(),
        bake: call.int("FinalBakeTimeInMinutes").unwrap_or_default(),
        growth: percent(call).unwrap_or(100.0),
        exponential: call.text("GrowthType") == "EXPONENTIAL",
        replicate_to: kept(call, "ReplicateTo").unwrap_or_else(|| "NONE".to_owned()),
        tags: requested(call)?,
    };
    if strategy.replicate_to != "NONE" {
        return Err(Fault::not_implemented("appconfig", "CreateDeploymentStrategy to an SSM document"));
    }
    let output = strategy.output();
    state(call).strategies.insert(strategy.id.clone(), strategy);
    Ok(output)
}

pub(super) fn get(call: &mut Call) -> Answer {
    allow(call, &[path(call)])?;
    let id = call.text("DeploymentStrategyId").to_owned();
    Ok(find(call, &id)?.output())
}

pub(super) fn list(call: &mut Call) -> Answer {
    allow(call, &[])?;
    let own = state(call).strategies.values().cloned();
    let items = Strategy::predefined().into_iter().chain(own);
    let items = items.map(|strategy| strategy.output()).collect();
    page(call, items)
}

pub(super) fn update(call: &mut Call) -> Answer {
    allow(call, &[path(call)])?;
    let (description, growth) = (kept(call, "Description"), percent(call));
    let (duration, bake) = (call.int("DeploymentDurationInMinutes"), call.int("FinalBakeTimeInMinutes"));
    let exponential = call.opt_text("GrowthType").map(|kind| kind == "EXPONENTIAL");
    let strategy = own(call)?;
    strategy.description = description.or_else(|| strategy.description.clone());
    strategy.duration = duration.unwrap_or(strategy.duration);
    strategy.bake = bake.unwrap_or(strategy.bake);
    strategy.growth = growth.unwrap_or(strategy.growth);
    strategy.exponential = exponential.unwrap_or(strategy.exponential);
    Ok(strategy.output())
}

pub(super) fn delete(call: &mut Call) -> Answer {
    allow(call, &[path(call)])?;
    let id = own(call)?.id.clone();
    state(call).strategies.remove(&id);
    Ok(json!({}))
}

/// The strategy that the request names, which must not be AWS's own.
fn own<'a>(call: &'a mut Call) -> Result<&'a mut Strategy, Fault> {
    let id = call.text("DeploymentStrategyId").to_owned();
    if Strategy::predefined().iter().any(|strategy| strategy.id == id) {
        return Err(refused(format!(
            "Deployment strategy {id} is predefined and cannot be changed or deleted."
        )));
    }
    state(call).strategies.get_mut(&id).ok_or_else(|| missing("deployment strategy", &id))
}

fn percent(call: &Call) -> Option<f64> {
    call.input.get("GrowthFactor").and_then(Value::as_f64)
}
